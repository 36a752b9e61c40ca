// Checking UTF-8 byte by byte, for the places where simdjson only says that something is wrong or
// where text is short.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::fhir {

/// The length of the longest valid prefix of `text` that ends at a character's end.
std::size_t valid_utf8_prefix(std::string_view text);

/// `text` with U+FFFD in place of every byte that is not part of a valid character.
std::string replace_invalid_utf8(std::string_view text);

/// Appends the UTF-8 form of a code point (at most 0x10FFFF).
void append_utf8(std::string& out, unsigned code_point);

}  // namespace sluice::fhir
