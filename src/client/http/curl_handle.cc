#include "client/http/curl_handle.h"

#include <fmt/format.h>

#include <mutex>

#include "client/http/url.h"

namespace sluice::client {

CurlEasy make_easy() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  return CurlEasy(curl_easy_init());
}

CurlList make_list(const std::vector<std::string>& headers) {
  CurlList list;
  for (const auto& header : headers) list.reset(curl_slist_append(list.release(), header.c_str()));
  return list;
}

void set_common(CURL* handle, const Connection& connection) {
  const auto set = [handle](CURLoption option, auto value) {
    curl_easy_setopt(handle, option, value);
  };
  set(CURLOPT_PROTOCOLS_STR, "https,http");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connection.connect_timeout.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME,
      static_cast<long>(std::max<long>(1, connection.stall_timeout.count() / 1000)));
  set(CURLOPT_USERAGENT, connection.user_agent.c_str());
  if (!connection.authority_file.empty()) set(CURLOPT_CAINFO, connection.authority_file.c_str());
}

Result<void> check_token_target(const std::string& url, const Connection& connection) {
  if (url.starts_with("https://") || connection.is_plain_allowed || is_loopback(url)) return {};
  return Error{ErrorKind::kForbidden,
               fmt::format("'{}' is not https: the token would cross the network in plain text "
                           "(--plain-http allows it)",
                           url_for_log(url))};
}

}  // namespace sluice::client
