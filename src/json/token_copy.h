// A new text of parts of one whose tokens are known: the tokens move with their parts and are not
// found again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json/json_tokens.h"

namespace sluice::fhir {

/// Goes over a text once, from its first token to its last: keeps parts, leaves out others, puts
/// text in between.
class TokenCopy {
 public:
  enum class Lines : std::uint8_t {
    kAsTheyAre,
    kOne,  ///< leaves out line breaks between tokens and the white space around them
  };

  /// Begins with token `first` of `from`. Appends to `out`; `offsets` gets what JsonTokens takes of
  /// the appended text. nullptr: the tokens are not wanted.
  TokenCopy(const JsonTokens& from, std::size_t first, std::string& out,
            std::vector<std::uint32_t>* offsets, Lines lines = Lines::kAsTheyAre);

  /// Keeps everything up to byte `end` of the text that was not kept or left out yet.
  void keep_until(std::size_t end);
  /// Leaves it out. What is left out are whole tokens, or a part of a string.
  void skip_until(std::size_t end);
  /// Puts in whole tokens, whose strings have no escapes.
  void insert(std::string_view json);
  /// Puts in a part of the string that was just kept in part.
  void insert_in_string(std::string_view part) { out_.append(part); }
  /// How much was appended.
  std::size_t size() const { return out_.size() - start_; }
  /// After the last part.
  void finish();

 private:
  void append(std::size_t begin, std::size_t end);
  /// How many of the tokens that are neither kept nor left out begin before `end`.
  std::size_t tokens_before(std::size_t end) const;

  const JsonTokens& from_;
  std::string& out_;
  std::vector<std::uint32_t>* const offsets_;
  const Lines lines_;
  const std::size_t start_;  // of what is appended
  std::size_t done_;         // up to where the text is kept or left out
  std::size_t next_;         // the first token behind that
};

}  // namespace sluice::fhir
