// Ranges of numbers, as quantities have them; those of SampledData, read once for a resource.
// Internal to the module.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "json/json_tokens.h"
#include "search/decimal.h"

namespace sluice::search {

/// The value in a resource: a number, or the numbers from low to high. No bound: open.
struct NumberRange {
  std::optional<Decimal> low;
  std::optional<Decimal> high;
  bool includes_low = true;
  bool includes_high = true;
};

/// The number at a token; nullopt when there is none.
std::optional<Decimal> number_at(const fhir::JsonTokens& tokens, std::size_t token);

/// What the SampledData of one resource range over, each read once, however many values,
/// parameters and queries ask for it.
class SampledRanges {
 public:
  /// Forgets all: another resource comes.
  void clear() { known_.clear(); }
  /// The least and the greatest of the values of the SampledData at a token; nullopt without any.
  /// Lives until the next call.
  const std::optional<NumberRange>& of(const fhir::JsonTokens& tokens, std::size_t sampled);

 private:
  std::vector<std::pair<std::size_t, std::optional<NumberRange>>> known_;  // by the token
  std::string buffer_;
};

}  // namespace sluice::search
