#include "search/number_range.h"

#include <algorithm>
#include <string_view>

#include "search/path.h"

namespace sluice::search {
namespace {

/// The least and the greatest of the values of SampledData: origin + number * factor.
std::optional<NumberRange> sampled_at(const fhir::JsonTokens& tokens, std::size_t sampled,
                                      std::string& buffer) {
  const std::size_t origin = member(tokens, sampled, "origin");
  const std::size_t data = string_member(tokens, sampled, "data");
  if (origin == kNoToken || data == kNoToken) return std::nullopt;
  const auto zero = number_at(tokens, member(tokens, origin, "value"));
  if (!zero) return std::nullopt;
  const auto factor = number_at(tokens, member(tokens, sampled, "factor"));
  NumberRange range;
  std::string_view rest = string_of(tokens, data, buffer);
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    const auto number = Decimal::parse(word);  // not so for E, L and U
    if (!number) continue;
    const Decimal value = *zero + (factor ? *number * *factor : *number);
    if (!range.low || value < *range.low) range.low = value;
    if (!range.high || value > *range.high) range.high = value;
  }
  if (!range.low) return std::nullopt;
  return range;
}

}  // namespace

std::optional<Decimal> number_at(const fhir::JsonTokens& tokens, std::size_t token) {
  if (token == kNoToken || token >= tokens.size()) return std::nullopt;
  const char first = tokens.first(token);
  if (first != '-' && (first < '0' || first > '9')) return std::nullopt;
  return Decimal::parse(tokens.scalar(token));
}

const std::optional<NumberRange>& SampledRanges::of(const fhir::JsonTokens& tokens,
                                                    std::size_t sampled) {
  auto at =
      std::lower_bound(known_.begin(), known_.end(), sampled,
                       [](const auto& known, std::size_t token) { return known.first < token; });
  if (at == known_.end() || at->first != sampled)
    at = known_.insert(at, {sampled, sampled_at(tokens, sampled, buffer_)});
  return at->second;
}

}  // namespace sluice::search
