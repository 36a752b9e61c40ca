// What a Binary resource holds: the bytes themselves and their type.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::fhir {

struct BinaryContent {
  std::string content_type;  ///< as the resource says; "application/octet-stream" when it is none
  std::string bytes;
};

/// Takes a stored Binary apart. kCorrupt when it is no JSON; kInvalid when its data is not base64.
Result<BinaryContent> read_binary(std::string_view json);

}  // namespace sluice::fhir
