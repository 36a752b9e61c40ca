// How the consumer reaches servers: its policy, and its words for what becomes of a request.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"
#include "transport/outcome.h"
#include "transport/policy.h"

namespace sluice::client {

/// How to reach servers. The addresses are the user's choice: private ones are as good as others.
struct Connection {
  std::string user_agent = "Sluice";
  std::string authority_file;  ///< PEM file of the authorities trusted; empty: the system's
  std::chrono::milliseconds connect_timeout{30'000};
  std::chrono::milliseconds stall_timeout{120'000};  ///< without a byte received
  /// Send tokens by http to other machines too.
  bool is_plain_allowed = false;
};

constexpr int kRedirectsMax = 5;

/// Any address, http too, the proxy of the environment, redirects.
transport::Policy policy_of(const Connection& connection);
/// Why there is no answer, for people; of a certificate that is not believed also what to do.
std::string why_failed(const transport::Outcome& outcome);
/// kForbidden when a token would cross a network in plain text.
Result<void> check_token_target(const std::string& url, const Connection& connection);

}  // namespace sluice::client
