// Who is asking. The one place where a request gets its principal: every route goes through it.
#pragma once

#include <string>

#include "base/result.h"
#include "http/message.h"

namespace sluice::api {

/// The client behind a request. Jobs belong to it, and take turns by it.
struct Principal {
  std::string client_id;
};

/// What a route needs of its caller.
enum class Access {
  kPublic,  ///< anybody: discovery, health
  kClient,  ///< a known client
};

/// The principal of a request. The server runs open: everybody is the same client, which is why it
/// listens on loopback only. Authorization takes its place here.
Result<Principal> principal_of(const http::Request& request);

}  // namespace sluice::api
