#include "transport/curl.h"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>

#include <mutex>

namespace sluice::transport {
namespace {

void set_up() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

// What curl says of a code is a constant: there is no URL in it.
std::string why_not_trusted(long result, CURLcode code) {
  if (code != CURLE_PEER_FAILED_VERIFICATION) return curl_easy_strerror(code);
  // curl compares names itself, and keeps no result of that.
  if (result == X509_V_OK || result == X509_V_ERR_UNSPECIFIED)
    return "its certificate is for another host name";
  return fmt::format("its certificate is not trusted: {}", X509_verify_cert_error_string(result));
}

}  // namespace

CurlEasy make_easy() {
  set_up();
  return CurlEasy(curl_easy_init());
}

CurlMulti make_multi() {
  set_up();
  return CurlMulti(curl_multi_init());
}

CurlList make_list(const std::vector<std::string>& headers) {
  CurlList list;
  for (const auto& header : headers) list.reset(curl_slist_append(list.release(), header.c_str()));
  return list;
}

void explain(CURL* handle, CURLcode code, Outcome& outcome) {
  outcome.reason = code == CURLE_OK ? "" : curl_easy_strerror(code);
  outcome.ending = code == CURLE_OK ? Ending::kAnswered : Ending::kFailed;
  if (code == CURLE_OPERATION_TIMEDOUT) outcome.ending = Ending::kTimedOut;
  if (code == CURLE_URL_MALFORMAT) outcome.ending = Ending::kInvalidUrl;
  // The URL's scheme was looked at before: curl says so of what answers without a status line.
  if (code == CURLE_UNSUPPORTED_PROTOCOL) outcome.reason = "it does not answer in HTTP";
  if (code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_SSL_CACERT_BADFILE) return;
  long result = X509_V_OK;
  curl_easy_getinfo(handle, CURLINFO_SSL_VERIFYRESULT, &result);
  outcome.ending = Ending::kNotTrusted;
  outcome.reason = why_not_trusted(result, code);
  outcome.has_unknown_authority = code == CURLE_PEER_FAILED_VERIFICATION &&
                                  (result == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
                                   result == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
                                   result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
                                   result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
                                   result == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE);
}

}  // namespace sluice::transport
