// What part of a file an answer 206 has (RFC 9110 section 14.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::transport {

/// "bytes 5-9/10"; of "bytes 5-9/*" the total is not known.
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::optional<std::uint64_t> total = std::nullopt;
};
/// nullopt unless it is a range of bytes with a first one.
std::optional<ContentRange> parse_content_range(std::string_view text);

}  // namespace sluice::transport
