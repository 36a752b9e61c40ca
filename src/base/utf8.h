// UTF-8: what is valid, what is made valid, and where text may be cut. Text from outside is checked
// where it comes in; what is written as JSON goes through json_text() besides.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

/// The length of the longest valid prefix of `text` that ends at a character's end.
std::size_t valid_utf8_prefix(std::string_view text);

/// The byte order mark of UTF-8. It is skipped at the beginning of a document, a file or a body;
/// everywhere else it is a character like others.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
/// `text` after its byte order mark, if it begins with one.
inline std::string_view without_byte_order_mark(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

bool is_valid_utf8(std::string_view text);

/// `text` with U+FFFD in place of every byte that is not part of a valid character.
std::string replace_invalid_utf8(std::string_view text);

/// The longest prefix of `text` of at most `size_max` bytes that cuts no character. For text that
/// is shown: of valid UTF-8 it stays valid. A view into `text`.
std::string_view shortened(std::string_view text, std::size_t size_max);

/// Appends the UTF-8 form of a code point (at most 0x10FFFF).
void append_utf8(std::string& out, unsigned code_point);

}  // namespace sluice
