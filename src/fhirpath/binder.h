// Finds what the names of an expression mean, and checks them against R4's types.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhirpath/expression.h"
#include "fhirpath/syntax.h"

namespace sluice::fhirpath {

/// What is known of the items of a collection before there are any.
struct Types {
  bool any = true;  ///< nothing is known
  std::vector<TypeId> ids = {};
  bool ordered = true;

  static Types of(TypeId type);
  void add(TypeId type);
  void add(const Types& other);
};

/// Fills in what the binder finds, and returns the types of the result. On failure `position` is
/// where the fault is.
Result<Types> bind(Syntax& tree, std::string_view text, const CompileOptions& options,
                   std::size_t& position);

}  // namespace sluice::fhirpath
