// What the server's own requests may do: they ask whom a stranger names, and must not be led inside
// our network (SSRF).
#pragma once

#include <string>

#include "base/result.h"
#include "transport/outcome.h"
#include "transport/policy.h"

namespace sluice::client {

/// https to public addresses, without redirects and proxies. `allow_private`: to any address, and
/// http too.
transport::Policy guarded_policy(bool allow_private, const std::string& user_agent,
                                 const std::string& authority_file);
/// Why there is no answer; the message names no URL. kInvalid for a URL that the policy does not
/// allow, kForbidden for an address that is not public, kTooLarge, kTimeout, kCancelled,
/// kUnavailable else.
Error guarded_error(const transport::Outcome& outcome);

}  // namespace sluice::client
