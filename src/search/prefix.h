// The comparison before a date, a number or a quantity: "ge2013-01-14".
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace sluice::search {

enum class Prefix : std::uint8_t {
  kEqual,
  kNotEqual,
  kGreater,
  kLess,
  kGreaterOrEqual,
  kLessOrEqual,
  kStartsAfter,
  kEndsBefore,
  kApproximately,
};

/// Cuts a prefix off `value`; kEqual when there is none.
inline Prefix take_prefix(std::string_view& value) {
  using Pair = std::pair<std::string_view, Prefix>;
  constexpr std::array kPrefixes = {
      Pair{"eq", Prefix::kEqual},          Pair{"ne", Prefix::kNotEqual},
      Pair{"gt", Prefix::kGreater},        Pair{"lt", Prefix::kLess},
      Pair{"ge", Prefix::kGreaterOrEqual}, Pair{"le", Prefix::kLessOrEqual},
      Pair{"sa", Prefix::kStartsAfter},    Pair{"eb", Prefix::kEndsBefore},
      Pair{"ap", Prefix::kApproximately}};
  for (const auto& [text, prefix] : kPrefixes) {
    if (value.starts_with(text)) {
      value.remove_prefix(text.size());
      return prefix;
    }
  }
  return Prefix::kEqual;
}

}  // namespace sluice::search
