#include "fetch/guard.h"

#include "transport/address.h"

namespace sluice::client {

transport::Policy guarded_policy(bool allow_private, const std::string& user_agent,
                                 const std::string& authority_file) {
  transport::Policy policy;
  policy.user_agent = user_agent;
  policy.authority_file = authority_file;
  policy.allows_http = allow_private;
  if (!allow_private) policy.may_connect = &transport::is_public_address;
  return policy;
}

Error guarded_error(const transport::Outcome& outcome) {
  using transport::Ending;
  switch (outcome.ending) {
    case Ending::kInvalidUrl:
      return invalid(outcome.reason);
    case Ending::kRefusedAddress:
      return {ErrorKind::kForbidden, "it is at an address that is not public"};
    case Ending::kTooLarge:
    case Ending::kHeadersTooLarge:
      return {ErrorKind::kTooLarge, outcome.reason};
    case Ending::kStopped:
      return {ErrorKind::kCancelled, "it was stopped"};
    case Ending::kOutOfTime:
      return {ErrorKind::kTimeout, "it takes too long"};
    case Ending::kTimedOut:
      return {ErrorKind::kTimeout, "it cannot be reached: " + outcome.reason};
    default:
      return {ErrorKind::kUnavailable, "it cannot be reached: " + outcome.reason};
  }
}

}  // namespace sluice::client
