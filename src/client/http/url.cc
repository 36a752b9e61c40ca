#include "client/http/url.h"

#include "base/percent.h"

namespace sluice::client {

bool is_loopback(const std::string& url) {
  const auto parts = transport::parse_url(url);
  return parts &&
         (parts->host == "localhost" || parts->host == "[::1]" || parts->host.starts_with("127."));
}

void append_query(std::string& url, std::string_view name, std::string_view value) {
  url += url.find('?') == std::string::npos ? '?' : '&';
  url += percent_encoded(name) + '=' + percent_encoded(value);
}

}  // namespace sluice::client
