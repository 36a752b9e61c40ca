#include "client/sync/newest_lines.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/file.h"
#include "client/files/ndjson_lines.h"
#include "client/files/ndjson_writer.h"
#include "client/sync/copy_lines.h"
#include "client/sync/spill_lists.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPartSize = 64u << 20;  // of NDJSON whose resources are compared at a time
constexpr std::uint64_t kGzipFactor = 10;
constexpr std::uint64_t kLinesUnchecked = 1024;
constexpr std::size_t kTypesMax = 2000;  // that are counted apart: FHIR has no 200

// Where a version of a resource stands. With "Type/id" behind it an entry of a list.
struct Version {
  std::uint64_t line = 0;  // of all files
  std::int64_t last_updated = 0;
};

enum class Keep : std::uint8_t {
  kNewestLast,  // what stands before a newer version may stay
  kNewestOnly,
};

// One reading of files to find which lines go, one more of those that have some.
class NewestLines {
 public:
  NewestLines(const EachPath& files, fs::path scratch, Keep keep, const NewestLinesEvents& events)
      : files_(files), scratch_(std::move(scratch)), keep_(keep), events_(events) {}

  Result<void> run() {
    SLUICE_ASSIGN_OR_RETURN(const auto lists, SpillLists::create(scratch_ / "lists"));
    SLUICE_RETURN_IF_ERROR(count_parts());
    SLUICE_RETURN_IF_ERROR(distribute(*lists));
    goes_.resize(lines_);
    for (std::uint64_t part = 0; part < parts_; ++part)
      SLUICE_RETURN_IF_ERROR(compare(*lists, std::to_string(part)));
    if (events_.on_found) SLUICE_RETURN_IF_ERROR(events_.on_found(repeated_));
    return rewrite_files();
  }

 private:
  struct Newest {
    Version version;
    bool is_repeated = false;
  };

  Result<void> check() const { return events_.check ? events_.check() : Result<void>(); }

  Result<void> count_parts() {
    std::uint64_t size = 0;
    SLUICE_RETURN_IF_ERROR(files_([&](const fs::path& path) -> Result<void> {
      std::error_code none;
      const auto of_file = fs::file_size(path, none);
      if (!none) size += path.extension() == ".gz" ? of_file * kGzipFactor : of_file;
      return {};
    }));
    parts_ = 1 + size / kPartSize;
    return {};
  }

  Result<void> distribute(SpillLists& lists) {
    return files_([&](const fs::path& path) -> Result<void> {
      first_lines_.push_back(lines_);
      return each_line(path, [&](std::string_view line) -> Result<void> {
        const std::uint64_t at = lines_++;
        if (at % kLinesUnchecked == 0) SLUICE_RETURN_IF_ERROR(check());
        SLUICE_ASSIGN_OR_RETURN(const auto key, read_line_key(line));
        if (key.id.empty()) return {};
        const Version version{at, key.last_updated.milliseconds};
        const std::string name = key.type + "/" + key.id;
        std::string entry(sizeof version, '\0');
        std::memcpy(entry.data(), &version, sizeof version);
        return lists.add(std::to_string(std::hash<std::string>()(name) % parts_), entry + name);
      });
    });
  }

  Result<void> compare(SpillLists& lists, const std::string& part) {
    SLUICE_RETURN_IF_ERROR(check());
    std::unordered_map<std::string, Newest> newest;
    SLUICE_RETURN_IF_ERROR(lists.each(part, [&](std::string_view entry) -> Result<void> {
      Version version;
      std::memcpy(&version, entry.data(), sizeof version);
      const auto name = entry.substr(sizeof version);
      const auto [at, is_new] = newest.emplace(name, Newest{version, false});
      if (!is_new) take_again(name.substr(0, name.find('/')), version, at->second);
      return {};
    }));
    lists.drop(part);
    return {};
  }

  void take_again(std::string_view type, const Version& version, Newest& known) {
    const bool is_newer = version.last_updated >= known.version.last_updated;
    const std::uint64_t older = is_newer ? known.version.line : version.line;
    if (is_newer) known.version = version;
    if (is_newer && keep_ == Keep::kNewestLast) return;
    goes_[older] = true;
    const bool is_one_too_many = repeated_.size() >= kTypesMax && !repeated_.contains(type);
    auto& counts = repeated_[is_one_too_many ? "(others)" : std::string(type)];
    ++counts.lines;
    if (!std::exchange(known.is_repeated, true)) ++counts.resources;
  }

  Result<void> rewrite_files() {
    if (repeated_.empty()) return {};
    std::size_t file = 0;
    return files_([&](const fs::path& path) -> Result<void> {
      const std::uint64_t begin = first_lines_[file++];
      const std::uint64_t end = file == first_lines_.size() ? lines_ : first_lines_[file];
      const auto from = goes_.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto to = goes_.begin() + static_cast<std::ptrdiff_t>(end);
      return std::find(from, to, true) == to ? Result<void>() : rewrite(path, begin);
    });
  }

  Result<void> rewrite(const fs::path& path, std::uint64_t number) {
    const auto fresh = scratch_ / "newest";
    SLUICE_ASSIGN_OR_RETURN(const auto writer,
                            NdjsonWriter::create(fresh, path.extension() == ".gz"));
    SLUICE_RETURN_IF_ERROR(each_line(path, [&](std::string_view line) -> Result<void> {
      if (number % kLinesUnchecked == 0)
        if (auto goes_on = check(); !goes_on) return goes_on;
      return goes_[number++] ? Result<void>() : writer->append(line);
    }));
    SLUICE_RETURN_IF_ERROR(writer->finish());
    if (std::rename(fresh.c_str(), path.c_str()) != 0)
      return errno_error("cannot rename", fresh, errno);
    return sync_folder(path.parent_path());
  }

  const EachPath& files_;
  const fs::path scratch_;
  const Keep keep_;
  const NewestLinesEvents& events_;
  std::uint64_t parts_ = 1;
  std::uint64_t lines_ = 0;
  std::vector<std::uint64_t> first_lines_;  // by file
  std::vector<bool> goes_;                  // by line
  RepeatedByType repeated_;
};

}  // namespace

Result<void> keep_newest_lines(const EachPath& files, const fs::path& scratch,
                               const NewestLinesEvents& events) {
  return NewestLines(files, scratch, Keep::kNewestOnly, events).run();
}

Result<void> drop_older_versions(const std::vector<fs::path>& files, const fs::path& scratch) {
  const EachPath each = [&](const auto& take) -> Result<void> {
    for (const auto& path : files) SLUICE_RETURN_IF_ERROR(take(path));
    return {};
  };
  return NewestLines(each, scratch, Keep::kNewestLast, {}).run();
}

}  // namespace sluice::client
