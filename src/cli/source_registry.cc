#include "cli/source_registry.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <set>

#include "base/file.h"
#include "base/sort_unique.h"
#include "client/files/ndjson_lines.h"
#include "client/files/ndjson_writer.h"
#include "client/sync/copy_lines.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;
using Key = SourceRegistry::Key;

constexpr std::size_t kChunk = 1'000'000;  // references in memory at a time
constexpr const char* kSuffix = ".held";
constexpr const char* kFolderSuffix = ".folder";

// "Type/id" in the order of the pairs: '/' sorts before all characters of names.
std::string text_of(const Key& key) {
  return key.first + "/" + key.second;
}
Key key_of(std::string_view line) {
  const auto slash = line.find('/');
  if (slash == std::string_view::npos) return {};
  return {std::string(line.substr(0, slash)), std::string(line.substr(slash + 1))};
}

// One pull at a time changes the lists of a store.
Result<FileDescriptor> lock(const fs::path& folder) {
  SLUICE_RETURN_IF_ERROR(make_folder(folder));
  const auto path = folder / "lock";
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return errno_error("cannot open", path, errno);
  while (::flock(file.get(), LOCK_EX) != 0)
    if (errno != EINTR) return errno_error("cannot lock", path, errno);
  return file;
}

Result<void> each_key(const fs::path& list, const std::function<Result<void>(const Key&)>& take) {
  std::error_code none;
  if (!fs::exists(list, none)) return {};
  return client::each_line(list, [&](std::string_view line) { return take(key_of(line)); });
}

// Rewrites a sorted list: `change` is called with the old entries in order and a writer.
Result<void> rewrite(const fs::path& list,
                     const std::function<Result<void>(client::NdjsonWriter&)>& write) {
  auto fresh = list;
  fresh += ".new";
  SLUICE_ASSIGN_OR_RETURN(const auto writer, client::NdjsonWriter::create(fresh, false));
  SLUICE_RETURN_IF_ERROR(write(*writer));
  SLUICE_RETURN_IF_ERROR(writer->finish());
  if (std::rename(fresh.c_str(), list.c_str()) != 0)
    return errno_error("cannot rename", fresh, errno);
  return sync_folder(list.parent_path());
}

Result<void> merge_into(const fs::path& list, std::vector<Key>& chunk) {
  sort_unique(chunk);
  auto next = chunk.begin();
  return rewrite(list, [&](client::NdjsonWriter& writer) -> Result<void> {
    const auto merge = [&](const Key& key) -> Result<void> {
      for (; next != chunk.end() && *next < key; ++next)
        SLUICE_RETURN_IF_ERROR(writer.append(text_of(*next)));
      if (next != chunk.end() && *next == key) ++next;
      return writer.append(text_of(key));
    };
    SLUICE_RETURN_IF_ERROR(each_key(list, merge));
    for (; next != chunk.end(); ++next) SLUICE_RETURN_IF_ERROR(writer.append(text_of(*next)));
    return {};
  });
}

Result<void> each_resource(const std::vector<fs::path>& files,
                           const std::function<Result<void>(Key)>& take) {
  const auto take_line = [&](std::string_view line) -> Result<void> {
    SLUICE_ASSIGN_OR_RETURN(auto key, client::read_line_key(line));
    return key.id.empty() ? Result<void>() : take({std::move(key.type), std::move(key.id)});
  };
  for (const auto& path : files) SLUICE_RETURN_IF_ERROR(client::each_line(path, take_line));
  return {};
}

// Merges the references of all resources of `files` into `list`, a part of them in memory at a
// time.
Result<void> note_all(const std::vector<fs::path>& files, const fs::path& list) {
  std::vector<Key> chunk;
  const auto take = [&](Key key) -> Result<void> {
    chunk.push_back(std::move(key));
    if (chunk.size() < kChunk) return {};
    SLUICE_RETURN_IF_ERROR(merge_into(list, chunk));
    chunk.clear();
    return {};
  };
  SLUICE_RETURN_IF_ERROR(each_resource(files, take));
  return chunk.empty() ? Result<void>() : merge_into(list, chunk);
}

}  // namespace

SourceRegistry::SourceRegistry(fs::path data, std::string name, std::string folder)
    : folder_(data / "sources"), name_(std::move(name)), pull_folder_(std::move(folder)) {}

fs::path SourceRegistry::list_path() const {
  return folder_ / (name_ + kSuffix);
}

bool SourceRegistry::exists() const {
  std::error_code none;
  return fs::exists(list_path(), none);
}

bool SourceRegistry::is_empty() const {
  std::error_code none;
  return fs::file_size(list_path(), none) == 0;
}

// For people, and for who pulls anew in the same folder: whose list it is.
Result<void> SourceRegistry::note_folder() const {
  auto whose = list_path();
  whose.replace_extension(kFolderSuffix);
  SLUICE_ASSIGN_OR_RETURN(const auto file, create_file(whose));
  return write_all(file.get(), pull_folder_ + "\n", whose);
}

Result<void> SourceRegistry::take_over() {
  std::error_code failed;
  if (!fs::exists(folder_, failed) || exists()) return {};
  SLUICE_ASSIGN_OR_RETURN(const auto held, lock(folder_));
  std::vector<fs::path> lists;
  for (const auto& entry : fs::directory_iterator(folder_, failed))
    if (entry.path().extension() == kSuffix) lists.push_back(entry.path());
  if (failed) return errno_error("cannot list", folder_, failed.value());
  for (const auto& list : lists) {
    auto whose = list;
    whose.replace_extension(kFolderSuffix);
    const auto folder = read_file(whose);
    if (!folder || *folder != pull_folder_ + "\n") continue;
    // Before the list has its new name: a run that is killed in between finds it by its folder.
    SLUICE_RETURN_IF_ERROR(note_folder());
    if (std::rename(list.c_str(), list_path().c_str()) != 0)
      return errno_error("cannot rename", list, errno);
    fs::remove(whose, failed);
    return sync_folder(folder_);
  }
  return {};
}

Result<void> SourceRegistry::begin() {
  if (exists()) return {};
  SLUICE_ASSIGN_OR_RETURN(const auto held, lock(folder_));
  SLUICE_RETURN_IF_ERROR(note_folder());
  return rewrite(list_path(), [](client::NdjsonWriter&) { return Result<void>(); });
}

Result<void> SourceRegistry::note_held(const std::vector<fs::path>& files) {
  SLUICE_ASSIGN_OR_RETURN(const auto held, lock(folder_));
  SLUICE_RETURN_IF_ERROR(note_folder());
  return note_all(files, list_path());
}

Result<std::vector<std::string>> SourceRegistry::held_ids(const std::string& type) const {
  SLUICE_ASSIGN_OR_RETURN(const auto held, lock(folder_));
  std::vector<std::string> ids;
  SLUICE_RETURN_IF_ERROR(each_key(list_path(), [&](const Key& key) -> Result<void> {
    if (key.first == type) ids.push_back(key.second);
    return {};
  }));
  return ids;
}

Result<void> SourceRegistry::note_gone(const std::vector<Key>& resources) {
  SLUICE_ASSIGN_OR_RETURN(const auto held, lock(folder_));
  const std::set<Key> gone(resources.begin(), resources.end());
  return rewrite(list_path(), [&](client::NdjsonWriter& writer) {
    return each_key(list_path(), [&](const Key& key) {
      return gone.contains(key) ? Result<void>() : writer.append(text_of(key));
    });
  });
}

Result<std::vector<Key>> SourceRegistry::held_by_nobody_else(std::vector<Key> resources) const {
  SLUICE_ASSIGN_OR_RETURN(const auto held, lock(folder_));
  sort_unique(resources);
  std::error_code failed;
  std::set<Key> elsewhere;
  const auto take = [&](const Key& key) -> Result<void> {
    if (std::binary_search(resources.begin(), resources.end(), key)) elsewhere.insert(key);
    return {};
  };
  for (const auto& entry : fs::directory_iterator(folder_, failed))
    if (entry.path().extension() == kSuffix && entry.path() != list_path())
      SLUICE_RETURN_IF_ERROR(each_key(entry.path(), take));
  if (failed) return errno_error("cannot list", folder_, failed.value());
  std::erase_if(resources, [&](const Key& key) { return elsewhere.contains(key); });
  return resources;
}

std::map<std::string, fs::path> SourceRegistry::lists_without_folder() const {
  std::map<std::string, fs::path> found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder_, failed)) {
    if (entry.path().extension() != kSuffix || entry.path() == list_path()) continue;
    auto whose = entry.path();
    whose.replace_extension(kFolderSuffix);
    const auto folder = read_file(whose);
    if (!folder || folder->empty()) continue;
    const std::string path = folder->substr(0, folder->size() - 1);  // without the line break
    std::error_code none;
    if (!fs::exists(path, none)) found.emplace(path, entry.path());
  }
  return found;
}

Result<client::Gone> SourceRegistry::find_gone(const std::vector<fs::path>& files) const {
  SLUICE_ASSIGN_OR_RETURN(const auto held, lock(folder_));
  // The references of the files, sorted as the list is: what stands only in the list is gone.
  auto now = list_path();
  now += ".now";
  std::error_code none;
  fs::remove(now, none);
  SLUICE_RETURN_IF_ERROR(note_all(files, now));
  std::ifstream now_lines(now);
  std::optional<Key> next;
  const auto advance = [&] {
    std::string line;
    next = std::getline(now_lines, line) ? std::optional(key_of(line)) : std::nullopt;
  };
  advance();
  client::Gone gone;
  SLUICE_RETURN_IF_ERROR(each_key(list_path(), [&](const Key& key) -> Result<void> {
    ++gone.old_total;
    while (next && *next < key) advance();
    if (!next || *next != key) gone.resources.push_back(key);
    return {};
  }));
  fs::remove(now, none);
  return gone;
}

}  // namespace sluice::cli
