#include "jose/base64url.h"

#include <cstdint>

#include "jose/jose_json.h"

namespace sluice::jose {

std::string base64url_encode(std::string_view bytes) {
  std::string text(jose_b64_enc_buf(nullptr, bytes.size(), nullptr, 0), '\0');
  if (bytes.empty()) return {};
  jose_b64_enc_buf(bytes.data(), bytes.size(), text.data(), text.size());
  return text;
}

Result<std::string> base64url_decode(std::string_view text) {
  if (text.empty()) return std::string();
  const auto bad = [] { return invalid("this is not base64url without padding"); };
  const std::size_t size = jose_b64_dec_buf(nullptr, text.size(), nullptr, 0);
  if (size == SIZE_MAX) return bad();
  std::string bytes(size, '\0');
  if (jose_b64_dec_buf(text.data(), text.size(), bytes.data(), size) != size) return bad();
  // The library lets some texts through that are not canonical.
  if (base64url_encode(bytes) != text) return bad();
  return bytes;
}

}  // namespace sluice::jose
