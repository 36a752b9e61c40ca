#include "client/files/ndjson_lines.h"

#include <fmt/format.h>

#include <memory>
#include <span>
#include <string>

#include "base/file.h"
#include "base/utf8.h"
#include "client/files/line_check.h"
#include "client/files/ndjson_inflater.h"

namespace sluice::client {
namespace {

constexpr std::size_t kReadSize = 1u << 20;
constexpr std::size_t kLargeLine = 16u << 20;

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

Result<void> each_line(const std::filesystem::path& path,
                       const std::function<Result<void>(std::string_view)>& take) {
  SLUICE_ASSIGN_OR_RETURN(const FileDescriptor file, open_for_reading(path));
  std::string pending;
  std::uint64_t number = 0;
  const auto give = [&](std::string_view line) -> Result<void> {
    if (++number == 1) line = without_byte_order_mark(line);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (is_blank(line)) return {};
    auto taken = take(line);
    if (!taken && taken.error().kind == ErrorKind::kCorrupt)
      return corrupt(
          fmt::format("{}, line {}: {}", path.filename().string(), number, taken.error().message),
          path.string());
    return taken;
  };
  NdjsonInflater inflater([&](std::string_view bytes) -> Result<void> {
    for (std::size_t end; (end = bytes.find('\n')) != std::string_view::npos;) {
      const auto line = bytes.substr(0, end);
      bytes.remove_prefix(end + 1);
      if (pending.empty()) {
        SLUICE_RETURN_IF_ERROR(give(line));
        continue;
      }
      pending.append(line);
      SLUICE_RETURN_IF_ERROR(give(pending));
      if (pending.capacity() > kLargeLine)
        std::string().swap(pending);
      else
        pending.clear();
    }
    // A large line grows in place: what is reserved takes memory only as it is filled, and copies
    // of ever larger blocks would take twice as much.
    if (pending.size() + bytes.size() > kLargeLine && pending.capacity() < kLineSizeMax)
      pending.reserve(kLineSizeMax + kLargeLine);
    pending.append(bytes);
    if (pending.size() > kLineSizeMax)
      return Error{ErrorKind::kTooLarge, fmt::format("a line of {} is too long", path.string())};
    return {};
  });
  // Not filled before: of a small file little of it is touched, and there may be millions.
  const auto block = std::make_unique_for_overwrite<char[]>(kReadSize);
  for (std::uint64_t at = 0;;) {
    SLUICE_ASSIGN_OR_RETURN(const std::size_t n,
                            read_at(file.get(), at, std::span<char>(block.get(), kReadSize), path));
    if (n == 0) break;
    at += n;
    SLUICE_RETURN_IF_ERROR(inflater.feed({block.get(), n}));
  }
  SLUICE_RETURN_IF_ERROR(inflater.finish());
  return pending.empty() ? Result<void>() : give(pending);
}

}  // namespace sluice::client
