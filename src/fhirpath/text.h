// Operations on text by its characters, which are Unicode's code points.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::fhirpath {

std::size_t character_count(std::string_view text);
/// Where character `index` begins; the end for one behind the last.
std::size_t offset_of(std::string_view text, std::size_t index);
std::vector<std::string> characters_of(std::string_view text);
/// As std::string_view has them, but in linear time whatever the texts are.
std::size_t find_first(std::string_view text, std::string_view part, std::size_t from = 0);
std::size_t find_last(std::string_view text, std::string_view part);
std::string to_upper(std::string_view text);
std::string to_lower_case(std::string_view text);
/// As ~ compares: case folded, white space as spaces.
std::string normalized(std::string_view text);
std::string trimmed_text(std::string_view text);

/// "base64", "urlbase64", "hex". nullopt for another format, or text that is none of it.
std::optional<std::string> encoded(std::string_view text, std::string_view format);
std::optional<std::string> decoded(std::string_view text, std::string_view format);
/// "html", "json".
std::optional<std::string> escaped(std::string_view text, std::string_view target);
std::optional<std::string> unescaped(std::string_view text, std::string_view target);

}  // namespace sluice::fhirpath
