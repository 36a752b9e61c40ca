// Regular expressions: RE2, which takes time in proportion to the text, whatever the pattern.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace sluice::fhirpath {

/// `flags`: of "i" (case does not matter) and "m" (^ and $ match at lines). "." matches line breaks
/// too. kInvalid for other flags and for what RE2 does not understand. Shared: of a literal by all
/// evaluations.
Result<std::shared_ptr<const re2::RE2>> compile_regex(std::string_view pattern,
                                                      std::string_view flags);
/// How many instructions it has; what it costs in memory, and in time at each byte.
std::size_t size_of(const re2::RE2& regex);
bool matches(const re2::RE2& regex, std::string_view text, bool whole);
/// All matches replaced; "$1" and "${name}" stand for groups, "$$" for "$". kInvalid for a group
/// that the pattern does not have.
Result<std::string> replace_matches(const re2::RE2& regex, std::string_view text,
                                    std::string_view substitution);

}  // namespace sluice::fhirpath
