// The tokens of a JSON text, found by simdjson's first stage at GB/s: where each bracket, colon,
// comma and each string, number or literal begins. Apart from simdjson's parsers because those keep
// neither the digits of a number nor the place of a value in the text, and we must keep both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"

namespace sluice::fhir {

/// The tokens of one text at a time: found by read(), which keeps a copy of the text, or known
/// already. The buffers are kept from text to text; views into the copy live until the next read().
/// Not thread-safe.
class JsonTokens {
 public:
  JsonTokens();
  /// Tokens that are known: `offsets` says where each begins, and last where the text ends. Costs
  /// nothing; text and offsets must outlive it. Nothing behind the text need be readable.
  JsonTokens(std::string_view text, std::span<const std::uint32_t> offsets);
  /// The same, or found once more in a copy of the text when there are no offsets: for what keeps
  /// its tokens if it was made so. The text must be checked; std::bad_alloc without memory.
  static JsonTokens known_or_read(std::string_view text, std::span<const std::uint32_t> offsets);
  ~JsonTokens();
  JsonTokens(JsonTokens&&) noexcept;
  JsonTokens& operator=(JsonTokens&&) noexcept;

  /// Finds the tokens of `text`. After success the text is valid UTF-8, its strings are closed and
  /// hold no control characters, and there is at least one token. Does not check the order of
  /// tokens, numbers, literals and escapes: check_json does. kInvalid names what is wrong and the
  /// byte; kTooLarge for 4 GiB and more.
  Result<void> read(std::string_view text);
  /// How many texts the calling thread has read so, in all. For tests: a resource is read once.
  static std::size_t texts_read();

  std::size_t size() const { return size_; }
  /// The copy of the text. At least kPadding bytes after it are readable, with undefined content.
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

  /// The object or array that begins with token `first`, as tokens of its own; its bracket is the
  /// first of them. Costs nothing; offsets and text() stay those of the whole, which must outlive
  /// it.
  JsonTokens value(std::size_t first) const {
    return JsonTokens(text_, {offsets_ + first, behind(first) - first + 1});
  }

  /// What is readable behind a text that was read.
  static constexpr std::size_t kPadding = 64;

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
