#include "client/http/connection.h"

#include <fmt/format.h>

#include "base/shown_url.h"
#include "client/http/url.h"

namespace sluice::client {
namespace {

constexpr std::size_t kHeadersMax = 256u << 10;

}  // namespace

transport::Policy policy_of(const Connection& connection) {
  transport::Policy policy;
  policy.user_agent = connection.user_agent;
  policy.authority_file = connection.authority_file;
  policy.allows_http = true;
  policy.uses_proxy = true;
  policy.connect_timeout = connection.connect_timeout;
  policy.stall_timeout = connection.stall_timeout;
  policy.headers_max = kHeadersMax;
  policy.redirects_max = kRedirectsMax;
  return policy;
}

std::string why_failed(const transport::Outcome& outcome) {
  return outcome.reason +
         (outcome.has_unknown_authority ? ". --ca-file PEM names the authorities to trust" : "");
}

Result<void> check_token_target(const std::string& url, const Connection& connection) {
  if (url.starts_with("https://") || connection.is_plain_allowed || is_loopback(url)) return {};
  return Error{ErrorKind::kForbidden,
               fmt::format("'{}' is not https: the token would cross the network in plain text "
                           "(--plain-http allows it)",
                           shown_url(url))};
}

}  // namespace sluice::client
