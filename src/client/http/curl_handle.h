// libcurl's handles, owned, and the settings that all our requests share. Only sources of this
// module include it.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <vector>

#include "client/http/exchange.h"

namespace sluice::client {

struct FreeCurl {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
// To C, easy and multi handles are of one type.
struct FreeCurlMulti {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
using CurlEasy = std::unique_ptr<CURL, FreeCurl>;
using CurlMulti = std::unique_ptr<CURLM, FreeCurlMulti>;
using CurlList = std::unique_ptr<curl_slist, FreeCurl>;

/// A fresh handle; sets the library up the first time. Thread-safe.
CurlEasy make_easy();
/// The headers as curl's list, which must outlive the transfer.
CurlList make_list(const std::vector<std::string>& headers);
/// What every request of the consumer has: http and https only, no signals, no redirects of curl's
/// own, HTTP/2 where TLS offers it, time-outs.
void set_common(CURL* handle, const Connection& connection);
/// Whether the server is not who its name says, as far as can be told: asking again changes
/// nothing.
bool is_distrust(CURLcode code);
/// Why a transfer failed, for people; of a certificate that is not believed also what to do.
std::string why_failed(CURL* handle, CURLcode code);
/// kForbidden when a token would cross a network in plain text.
Result<void> check_token_target(const std::string& url, const Connection& connection);

}  // namespace sluice::client
