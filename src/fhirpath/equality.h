// What =, ~ and the comparisons say of two items.
#pragma once

#include <optional>

#include "fhirpath/value.h"

namespace sluice::fhirpath {

/// nullopt: not known, as of dates of different precision.
std::optional<bool> equal(const Value& a, const Value& b);
bool equivalent(const Value& a, const Value& b);

enum class Order {
  kLess,
  kEqual,
  kGreater,
  kUnknown,
  kNone  ///< of types that have no order among them
};
Order order_of(const Value& a, const Value& b);

/// How two collections compare, item by item and in order; nullopt for {} too.
std::optional<bool> equal(const Collection& a, const Collection& b);
/// The same in any order.
bool equivalent(const Collection& a, const Collection& b);

}  // namespace sluice::fhirpath
