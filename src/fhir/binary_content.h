// What a Binary resource holds: the bytes themselves and their type.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::fhir {

struct BinaryContent {
  std::string content_type;  ///< as the resource states; "application/octet-stream" if invalid
  std::string bytes;
};

/// Takes a stored Binary apart. kCorrupt when it is no JSON; kInvalid when its data is not base64.
Result<BinaryContent> read_binary(std::string_view json);

/// The Binary that holds these bytes, as JSON. `security_context`: a reference; empty for none.
/// Without an id the resource has none.
std::string write_binary(std::string_view id, std::string_view content_type,
                         std::string_view security_context, std::string_view bytes);

/// The reference in a Binary's securityContext; empty when there is one that names nothing, nullopt
/// when there is none. kCorrupt when it is no JSON.
Result<std::optional<std::string>> read_security_context(std::string_view json);

/// Whether it can be the value of a Content-Type header: printable, with a slash, at most 128
/// bytes.
bool is_media_type(std::string_view text);

}  // namespace sluice::fhir
