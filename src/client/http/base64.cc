#include "client/http/base64.h"

#include <algorithm>

#include "jose/base64url.h"

namespace sluice::client {

std::string base64_encode(std::string_view bytes) {
  std::string text = jose::base64url_encode(bytes);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

}  // namespace sluice::client
