#include "jose/base64url.h"

#include <cjose/base64.h>
#include <cjose/util.h>

#include <algorithm>
#include <cstdint>
#include <new>

namespace sluice::jose {
namespace {

bool is_digit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

}  // namespace

std::string base64url_encode(std::string_view bytes) {
  if (bytes.empty()) return {};
  char* text = nullptr;
  std::size_t size = 0;
  if (!cjose_base64url_encode(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
                              &text, &size, nullptr))
    throw std::bad_alloc();
  std::string encoded(text, size);
  cjose_get_dealloc()(text);
  return encoded;
}

Result<std::string> base64url_decode(std::string_view text) {
  if (text.empty()) return std::string();
  const auto bad = [] { return invalid("this is not base64url without padding"); };
  // Padding in the middle ends the process by an assertion of the library, so it sees digits only.
  if (text.size() % 4 == 1 || !std::all_of(text.begin(), text.end(), is_digit)) return bad();
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  if (!cjose_base64url_decode(text.data(), text.size(), &bytes, &size, nullptr)) return bad();
  std::string decoded(reinterpret_cast<const char*>(bytes), size);
  cjose_get_dealloc()(bytes);
  // The library lets texts through whose last bits are not zero.
  if (base64url_encode(decoded) != text) return bad();
  return decoded;
}

}  // namespace sluice::jose
