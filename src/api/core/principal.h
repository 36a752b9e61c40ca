// Who sends a request: authentication.h says it, access.h says what they may do.
#pragma once

#include <string>

#include "smart/access_token.h"
#include "smart/client_registry.h"

namespace sluice::api {

/// The client that sent a request. Jobs belong to it, and are scheduled in turns by it.
struct Principal {
  std::string client_id = {};
  smart::ClientRegistry::ClientPtr client = nullptr;  ///< nullptr: open, everything is allowed
  smart::AccessTokens::ClaimsPtr claims = nullptr;    ///< nullptr: open, or a capability URL
};

}  // namespace sluice::api
