#include "client/http/url.h"

#include <fmt/format.h>

namespace sluice::client {

bool is_loopback(const std::string& url) {
  const auto parts = transport::parse_url(url);
  return parts &&
         (parts->host == "localhost" || parts->host == "[::1]" || parts->host.starts_with("127."));
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

void append_query(std::string& url, std::string_view name, std::string_view value) {
  url += url.find('?') == std::string::npos ? '?' : '&';
  url += percent_encode(name) + '=' + percent_encode(value);
}

}  // namespace sluice::client
