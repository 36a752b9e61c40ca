// Preconditions of a request: If-Match and related conditions, from HTTP headers and from the
// entries of a Bundle.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "fhir/resource_type.h"

namespace sluice::rest {

/// The precondition of a write.
struct Condition {
  enum class Kind : std::uint8_t {
    kNone,
    kAbsent,   ///< If-None-Match: *
    kPresent,  ///< If-Match: *
    kVersion,  ///< If-Match: W/"3"
  } kind = Kind::kNone;
  std::uint32_t version = 0;  ///< of kVersion; 0 is no version of anything
};

/// The precondition of a write. kInvalid for an invalid entity tag, more than one of them, or both
/// texts; kUnsupported for If-None-Match with other than "*".
Result<Condition> parse_condition(const std::optional<std::string>& if_match,
                                  const std::optional<std::string>& if_none_match);

/// The query of If-None-Exist, which some write as they would a URL: "Patient?identifier=x",
/// "?identifier=x", with our own base in front. kInvalid for the URL of another type or server.
Result<std::string_view> query_of_condition(std::string_view text, fhir::ResourceType type,
                                            std::string_view base_url);

/// What a read is not sent again for.
struct Known {
  std::string tags = {};                        ///< If-None-Match; empty: none
  std::optional<Instant> since = std::nullopt;  ///< If-Modified-Since, to the second
};
/// Whether the client has this version already: by the tags or, without tags, by the time.
bool is_known(const Known& known, std::uint32_t version, Instant last_updated);

}  // namespace sluice::rest
