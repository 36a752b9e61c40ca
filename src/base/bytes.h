// Big- and little-endian numbers in byte strings, hexadecimal, random ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

inline void append_be16(std::string& out, std::uint16_t v) {
  out.push_back(static_cast<char>(v >> 8));
  out.push_back(static_cast<char>(v));
}
inline void append_be32(std::string& out, std::uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(v >> shift));
}
inline void append_be64(std::string& out, std::uint64_t v) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(v >> shift));
}
/// `p` must have two, four, eight readable bytes.
inline std::uint16_t read_be16(const char* p) {
  const auto* b = reinterpret_cast<const unsigned char*>(p);
  return static_cast<std::uint16_t>((b[0] << 8) | b[1]);
}
inline std::uint32_t read_be32(const char* p) {
  std::uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_bswap32(v);
}
inline std::uint64_t read_be64(const char* p) {
  std::uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_bswap64(v);
}

/// 0 to 15, or -1 for anything but a hexadecimal digit.
inline int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Lower-case hexadecimal.
std::string to_hex(std::string_view bytes);
/// The bytes of a hexadecimal string; kInvalid for odd lengths and other characters.
Result<std::string> from_hex(std::string_view hex);

/// `bytes` random bytes of the operating system's generator as lower-case hexadecimal: an id that
/// cannot be guessed from 16 bytes on. Thread-safe; aborts if the system has no randomness.
std::string random_hex(std::size_t bytes);

}  // namespace sluice
