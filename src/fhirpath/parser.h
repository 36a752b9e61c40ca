// Reads an expression into its tree (FHIRPath, Appendix B).
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "fhirpath/syntax.h"

namespace sluice::fhirpath {

/// Deeper trees are refused, so that recursion over them ends: one level is a pair of brackets, a
/// step of a path or an operator.
inline constexpr std::size_t kSyntaxDepthMax = 250;

/// Names are not looked up yet, but those of functions. On failure `position` is where the fault
/// is.
Result<std::unique_ptr<Syntax>> parse(std::string_view expression, std::size_t& position);

}  // namespace sluice::fhirpath
