#include "client/sync/spill_lists.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/file.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kEndMax = 8u << 10;
constexpr std::size_t kReadSize = 256u << 10;
using Size = std::uint32_t;  // precedes each entry

}  // namespace

Result<std::unique_ptr<SpillLists>> SpillLists::create(const fs::path& folder) {
  std::error_code failed;
  fs::remove_all(folder, failed);
  if (failed) return errno_error("cannot remove", folder, failed.value());
  SLUICE_RETURN_IF_ERROR(make_folder(folder));
  return std::unique_ptr<SpillLists>(new SpillLists(folder));
}

SpillLists::~SpillLists() {
  std::error_code none;  // what stays costs room until the next time
  fs::remove_all(folder_, none);
}

fs::path SpillLists::path_of(const List& list) const {
  return folder_ / std::to_string(list.number);
}

Result<void> SpillLists::flush(List& list) {
  if (list.end.empty()) return {};
  const auto path = path_of(list);
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file) return errno_error("cannot open", path, errno);
  SLUICE_RETURN_IF_ERROR(write_all(file.get(), list.end, path));
  list.is_written = true;
  list.end.clear();
  return {};
}

Result<void> SpillLists::add(const std::string& key, std::string_view entry) {
  const auto [at, is_new] = lists_.try_emplace(key);
  List& list = at->second;
  if (is_new) list.number = next_number_++;
  const auto size = static_cast<Size>(entry.size());
  list.end.append(reinterpret_cast<const char*>(&size), sizeof size);
  list.end.append(entry);
  return list.end.size() < kEndMax ? Result<void>() : flush(list);
}

Result<void> SpillLists::each(const std::string& key,
                              const std::function<Result<void>(std::string_view)>& take) {
  const auto found = lists_.find(key);
  if (found == lists_.end()) return {};
  List& list = found->second;
  // Gives what is whole of `bytes`; what is left over.
  const auto give = [&take](std::string_view bytes) -> Result<std::string_view> {
    Size size = 0;
    while (bytes.size() >= sizeof size) {
      std::memcpy(&size, bytes.data(), sizeof size);
      if (bytes.size() - sizeof size < size) break;
      SLUICE_RETURN_IF_ERROR(take(bytes.substr(sizeof size, size)));
      bytes.remove_prefix(sizeof size + size);
    }
    return bytes;
  };
  if (!list.is_written) {
    SLUICE_RETURN_IF_ERROR(give(list.end));
    return {};
  }
  SLUICE_RETURN_IF_ERROR(flush(list));
  const auto path = path_of(list);
  SLUICE_ASSIGN_OR_RETURN(const FileDescriptor file, open_for_reading(path));
  std::string block;
  std::size_t kept = 0;
  for (std::uint64_t at = 0;;) {
    block.resize(kept + kReadSize);
    SLUICE_ASSIGN_OR_RETURN(const std::size_t n,
                            read_at(file.get(), at, std::span<char>(block).subspan(kept), path));
    if (n == 0) return {};
    at += n;
    SLUICE_ASSIGN_OR_RETURN(const std::string_view rest,
                            give(std::string_view(block).substr(0, kept + n)));
    kept = rest.size();
    block.erase(0, static_cast<std::size_t>(rest.data() - block.data()));
  }
}

void SpillLists::drop(const std::string& key) {
  const auto found = lists_.find(key);
  if (found == lists_.end()) return;
  std::error_code none;  // it goes with the folder
  if (found->second.is_written) fs::remove(path_of(found->second), none);
  lists_.erase(found);
}

}  // namespace sluice::client
