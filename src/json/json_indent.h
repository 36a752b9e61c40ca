// JSON laid out for people to read: only white space between tokens changes, so that numbers keep
// their digits and strings their escapes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::fhir {

/// `json`, which must be valid, with each member and element on a line of its own, two spaces
/// further in than what it is in (no further than kIndentMax spaces). kTooLarge when that makes
/// more than `size_max` bytes.
inline constexpr std::size_t kIndentMax = 40;
Result<std::string> indented(std::string_view json, std::size_t size_max);

}  // namespace sluice::fhir
