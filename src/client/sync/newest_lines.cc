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

// Where a version of a resource stands. With "Type/id" behind it an entry of a list.
struct Version {
  std::uint64_t file = 0;
  std::uint64_t line = 0;
  std::int64_t last_updated = 0;
};

using LinesOfFiles = std::map<std::uint64_t, std::vector<std::uint64_t>>;

std::uint64_t count_parts(const std::vector<fs::path>& files) {
  std::uint64_t size = 0;
  for (const auto& path : files) {
    std::error_code none;
    const auto of_file = fs::file_size(path, none);
    if (!none) size += path.extension() == ".gz" ? of_file * kGzipFactor : of_file;
  }
  return 1 + size / kPartSize;
}

Result<void> distribute(const std::vector<fs::path>& files, std::uint64_t parts,
                        SpillLists& lists) {
  for (std::uint64_t file = 0; file < files.size(); ++file) {
    std::uint64_t number = 0;
    SLUICE_RETURN_IF_ERROR(each_line(files[file], [&](std::string_view line) -> Result<void> {
      const std::uint64_t at = number++;
      SLUICE_ASSIGN_OR_RETURN(const auto key, read_line_key(line));
      if (key.id.empty()) return {};
      const Version version{file, at, key.last_updated.milliseconds};
      const std::string name = key.type + "/" + key.id;
      std::string entry(sizeof version, '\0');
      std::memcpy(entry.data(), &version, sizeof version);
      return lists.add(std::to_string(std::hash<std::string>()(name) % parts), entry + name);
    }));
  }
  return {};
}

Result<void> find_older(SpillLists& lists, const std::string& part, LinesOfFiles& older) {
  std::unordered_map<std::string, std::int64_t> newest;
  SLUICE_RETURN_IF_ERROR(lists.each(part, [&](std::string_view entry) -> Result<void> {
    Version version;
    std::memcpy(&version, entry.data(), sizeof version);
    const auto [at, is_new] = newest.emplace(entry.substr(sizeof version), version.last_updated);
    if (is_new) return {};
    if (version.last_updated >= at->second)
      at->second = version.last_updated;
    else
      older[version.file].push_back(version.line);
    return {};
  }));
  lists.drop(part);
  return {};
}

Result<void> rewrite_without(const fs::path& path, std::vector<std::uint64_t> lines,
                             const fs::path& fresh) {
  std::sort(lines.begin(), lines.end());
  SLUICE_ASSIGN_OR_RETURN(const auto writer,
                          NdjsonWriter::create(fresh, path.extension() == ".gz"));
  std::uint64_t number = 0;
  auto next = lines.begin();
  SLUICE_RETURN_IF_ERROR(each_line(path, [&](std::string_view line) -> Result<void> {
    if (next == lines.end() || *next != number++) return writer->append(line);
    ++next;
    return {};
  }));
  SLUICE_RETURN_IF_ERROR(writer->finish());
  if (std::rename(fresh.c_str(), path.c_str()) != 0)
    return errno_error("cannot rename", fresh, errno);
  return sync_folder(path.parent_path());
}

}  // namespace

Result<void> drop_older_versions(const std::vector<fs::path>& files, const fs::path& scratch) {
  SLUICE_ASSIGN_OR_RETURN(const auto lists, SpillLists::create(scratch / "lists"));
  const std::uint64_t parts = count_parts(files);
  SLUICE_RETURN_IF_ERROR(distribute(files, parts, *lists));
  LinesOfFiles older;
  for (std::uint64_t part = 0; part < parts; ++part)
    SLUICE_RETURN_IF_ERROR(find_older(*lists, std::to_string(part), older));
  for (auto& [file, lines] : older)
    SLUICE_RETURN_IF_ERROR(rewrite_without(files[file], std::move(lines), scratch / "newest"));
  return {};
}

}  // namespace sluice::client
