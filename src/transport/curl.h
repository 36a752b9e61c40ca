// libcurl, for the sources of this module only: handles that are owned, and words for its errors.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <vector>

#include "transport/outcome.h"

namespace sluice::transport {

struct FreeCurl {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
// To C, easy and multi handles are of one type.
struct FreeCurlMulti {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
using CurlEasy = std::unique_ptr<CURL, FreeCurl>;
using CurlMulti = std::unique_ptr<CURLM, FreeCurlMulti>;
using CurlList = std::unique_ptr<curl_slist, FreeCurl>;
using CurlUrl = std::unique_ptr<CURLU, FreeCurl>;

/// Fresh handles; they set the library up the first time. Thread-safe.
CurlEasy make_easy();
CurlMulti make_multi();
/// The headers as curl's list, which must outlive the transfer.
CurlList make_list(const std::vector<std::string>& headers);
/// Ending, reason and has_unknown_authority of a transfer that curl ended with `code`.
void explain(CURL* handle, CURLcode code, Outcome& outcome);

}  // namespace sluice::transport
