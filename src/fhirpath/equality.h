// What =, ~ and the comparisons say of two items.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>

#include "fhirpath/value.h"

namespace sluice::fhirpath {

/// What comparisons cost, in steps. Beyond `max` they end early, and say anything.
struct Work {
  std::size_t steps = 0;
  std::size_t max = std::numeric_limits<std::size_t>::max();

  bool is_spent() const { return steps > max; }
  /// Of texts of that size.
  void add_text(std::size_t size) { steps += size / 64; }
};

/// nullopt: not known, as of dates of different precision.
std::optional<bool> equal(const Value& a, const Value& b, Work& work);
bool equivalent(const Value& a, const Value& b, Work& work);

enum class Order {
  kLess,
  kEqual,
  kGreater,
  kUnknown,
  kNone  ///< of types that have no order among them
};
Order order_of(const Value& a, const Value& b, Work& work);

/// How two collections compare, item by item and in order; nullopt for {} too.
std::optional<bool> equal(const Collection& a, const Collection& b, Work& work);
/// The same in any order.
bool equivalent(const Collection& a, const Collection& b, Work& work);

}  // namespace sluice::fhirpath
