#include "client/ndjson_lines.h"

#include <fmt/format.h>

#include <string>

#include "base/file.h"
#include "client/ndjson_inflater.h"

namespace sluice::client {
namespace {

constexpr std::size_t kReadSize = 1u << 20;
constexpr std::size_t kLineSizeMax = 512u << 20;

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

Result<void> each_line(const std::filesystem::path& path,
                       const std::function<Result<void>(std::string_view)>& take) {
  SLUICE_TRY(const FileDescriptor file, open_for_reading(path));
  std::string pending;
  const auto give = [&](std::string_view line) -> Result<void> {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return is_blank(line) ? Result<void>() : take(line);
  };
  NdjsonInflater inflater([&](std::string_view bytes) -> Result<void> {
    for (std::size_t end; (end = bytes.find('\n')) != std::string_view::npos;) {
      const auto line = bytes.substr(0, end);
      bytes.remove_prefix(end + 1);
      if (pending.empty()) {
        SLUICE_CHECK(give(line));
        continue;
      }
      pending.append(line);
      SLUICE_CHECK(give(pending));
      pending.clear();
    }
    pending.append(bytes);
    if (pending.size() > kLineSizeMax)
      return Error{ErrorKind::kTooLarge, fmt::format("a line of {} is too long", path.string())};
    return {};
  });
  std::string block(kReadSize, '\0');
  for (std::uint64_t at = 0;;) {
    SLUICE_TRY(const std::size_t n, read_at(file.get(), at, block, path));
    if (n == 0) break;
    at += n;
    SLUICE_CHECK(inflater.feed(std::string_view(block).substr(0, n)));
  }
  SLUICE_CHECK(inflater.finish());
  return pending.empty() ? Result<void>() : give(pending);
}

}  // namespace sluice::client
