#include "client/http/curl_handle.h"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>

#include <mutex>

#include "base/shown_url.h"
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

bool is_distrust(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE;
}

std::string why_failed(CURL* handle, CURLcode code) {
  long result = X509_V_OK;
  curl_easy_getinfo(handle, CURLINFO_SSL_VERIFYRESULT, &result);
  if (code != CURLE_PEER_FAILED_VERIFICATION) return curl_easy_strerror(code);
  // curl compares names itself, and keeps no result of that.
  if (result == X509_V_OK || result == X509_V_ERR_UNSPECIFIED)
    return "its certificate is for another host name";
  std::string why =
      fmt::format("its certificate is not trusted: {}", X509_verify_cert_error_string(result));
  const bool is_unknown = result == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
                          result == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
                          result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
                          result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
                          result == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
  if (is_unknown) why += ". --ca-file PEM names the authorities to trust";
  return why;
}

Result<void> check_token_target(const std::string& url, const Connection& connection) {
  if (url.starts_with("https://") || connection.is_plain_allowed || is_loopback(url)) return {};
  return Error{ErrorKind::kForbidden,
               fmt::format("'{}' is not https: the token would cross the network in plain text "
                           "(--plain-http allows it)",
                           shown_url(url))};
}

}  // namespace sluice::client
