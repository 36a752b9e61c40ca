// Authentication: the only place that gives a request its principal; every route uses it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/core/principal.h"
#include "api/core/service.h"
#include "base/result.h"
#include "http/message.h"

namespace sluice::api {

/// What a route needs of its caller.
enum class Access : std::uint8_t {
  kPublic,  ///< anybody: discovery, health, what authenticates by itself
  kClient,  ///< a known client, which sees and changes what its scopes cover
  /// A known client; its limits are kept with the job or with each entry of a Bundle, so the store
  /// is the whole one.
  kJob,
  kFile,        ///< a known client, or a capability URL of the file
  kAttachment,  ///< a known client, or a capability URL of the attachment
};

/// The query parameter that makes a file's URL a capability URL.
inline constexpr std::string_view kCapabilityParameter = "capability";

/// What capability URLs of attachments are signed as. `binary`: "x", or "x/_history/3".
std::string attachment_name(std::string_view binary);

/// The principal of a request. kUnauthenticated for a missing, malformed, expired or revoked token
/// or capability. On an open server everybody is the same client.
Result<Principal> principal_of(const Service& service, const http::Request& request, Access access);

}  // namespace sluice::api
