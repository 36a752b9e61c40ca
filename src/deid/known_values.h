// Values that identify nobody by themselves: systems of codes, states, countries, areas of zip
// codes. The allow-list lets no other text through.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::deid {

/// Whether codes of this system are those of a terminology that many use.
bool is_terminology(std::string_view system);
/// A state or territory of the USA, by its code or its name.
bool is_state(std::string_view text);
/// A country by a code of ISO 3166, or "United States" and the like.
bool is_country(std::string_view text);
/// The first three digits of a zip code of the USA, "000" for areas where at most 20,000 people
/// live; nullopt for everything else.
std::optional<std::string> zip_code_area(std::string_view text);

}  // namespace sluice::deid
