// Invented names and places. Family names say "example" or "test" in their language, so that nobody
// mistakes a sample for a person; several scripts, because text is not ASCII only.
#pragma once

#include <span>
#include <string_view>

#include "sample/terminology.h"

namespace sluice::sample {

/// Names that belong together. Words of one pool are joined with `separator`.
struct NamePool {
  Code language;  ///< BCP 47
  std::span<const std::string_view> female;
  std::span<const std::string_view> male;
  std::span<const std::string_view> family;
  int weight;         ///< how many of a thousand people are named from here
  bool family_first;  ///< the order in a display
  std::string_view separator;
};

struct Place {
  std::string_view city;
  std::string_view state;
  std::string_view postal_code;
  int latitude;   ///< in 1/10000 degree
  int longitude;  ///< in 1/10000 degree
  int offset_minutes;
};

std::span<const NamePool> name_pools();
std::span<const Place> places();
std::span<const std::string_view> street_names();
std::span<const std::string_view> provider_names();
std::span<const std::string_view> payer_names();
/// Letters put together from a base and a combining mark, and characters beyond the basic plane.
std::span<const std::string_view> unusual_nicknames();

}  // namespace sluice::sample
