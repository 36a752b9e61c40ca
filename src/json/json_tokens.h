// The tokens of a JSON text, found by simdjson's first stage at GB/s: where each bracket, colon,
// comma and each string, number or literal begins. Apart from simdjson's parsers because those keep
// neither the digits of a number nor the place of a value in the text, and we must keep both.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace sluice::fhir {

/// Holds a copy of one text and its tokens at a time. The buffers are kept from text to text; views
/// into the copy live until the next read(). Not thread-safe.
class JsonTokens {
 public:
  JsonTokens();
  ~JsonTokens();
  JsonTokens(JsonTokens&&) noexcept;
  JsonTokens& operator=(JsonTokens&&) noexcept;

  /// Finds the tokens of `text`. After success the text is valid UTF-8, its strings are closed and
  /// hold no control characters, and there is at least one token. Does not check the order of
  /// tokens, numbers, literals and escapes: check_json does. kInvalid names what is wrong and the
  /// byte; kTooLarge for 4 GiB and more.
  Result<void> read(std::string_view text);

  std::size_t size() const { return size_; }
  /// The copy of the text. At least 64 bytes after it are readable, with undefined content.
  std::string_view text() const { return text_; }
  /// Where token `i` begins. For i == size(): the end of the text.
  std::size_t begin(std::size_t i) const { return offsets_[i]; }
  /// The first character of token `i`.
  char first(std::size_t i) const { return text_[offsets_[i]]; }
  /// Where token `i` ends: a single character for brackets, colons and commas, all of it for
  /// others.
  std::size_t end(std::size_t i) const {
    const char c = first(i);
    if (c == '{' || c == '}' || c == '[' || c == ']' || c == ':' || c == ',') return begin(i) + 1;
    return scalar_end(i);
  }
  /// As end() for a token that is known to be a string, a number or a literal.
  std::size_t scalar_end(std::size_t i) const {
    std::size_t end = offsets_[i + 1];
    while (is_white_space(text_[end - 1])) --end;
    return end;
  }
  /// The bytes of a token that is a string, a number or a literal; strings with their quotes.
  std::string_view scalar(std::size_t i) const {
    return text_.substr(begin(i), scalar_end(i) - begin(i));
  }
  /// The bytes between the quotes of a token that is a string, escapes as they are.
  std::string_view raw_string(std::size_t i) const {
    return text_.substr(begin(i) + 1, scalar_end(i) - begin(i) - 2);
  }
  /// The number of the bracket that closes the opening one at `i`; size() if the text, against the
  /// promise, has none.
  std::size_t closing(std::size_t i) const;
  /// The number of the token after the value that begins with token `i`.
  std::size_t behind(std::size_t i) const {
    const char c = first(i);
    return (c == '{' || c == '[' ? closing(i) : i) + 1;
  }

  /// Space, tab, line feed, carriage return: nothing else is allowed between tokens.
  static bool is_white_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::string_view text_;
  const std::uint32_t* offsets_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sluice::fhir
