// An entry of a Bundle as the HTTP request that it would be alone: it takes the same way through
// the router, so that it is authorised, audited and answered in the same places.
#pragma once

#include <string_view>

#include "api/bundle/bundle_response.h"
#include "api/core/request_headers.h"
#include "base/result.h"
#include "fhir/bundle_request.h"
#include "http/message.h"
#include "http/router.h"

namespace sluice::api {

/// The request for `entry` of a Bundle that came with `whole`. kUnsupported for URLs of anything
/// but resources, kInvalid for an invalid URL, instant or patch.
Result<http::Request> entry_request(const http::Request& whole, std::string_view base_url,
                                    const Preferences& preferences,
                                    const fhir::BundleRequest& bundle,
                                    const fhir::BundleRequestEntry& entry);

/// Sends it through the router and makes an entry of the answer.
BundleResponseEntry dispatch_entry(const http::Router& router, http::Request request,
                                   std::string_view base_url);
/// An entry of an answer to `request`.
BundleResponseEntry entry_of_response(const http::Request& request, http::Response response,
                                      std::string_view base_url);

}  // namespace sluice::api
