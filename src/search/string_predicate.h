// One value of a string parameter, and of token parameters with :text: whether a text matches it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "json/json_tokens.h"
#include "search/path.h"
#include "search/scratch.h"

namespace sluice::search {

class StringTest {
 public:
  enum class Mode : std::uint8_t { kStartsWith, kContains, kExact, kWhole, kSoundsLike };

  /// `value`: unescaped. kInvalid when nothing of it would count.
  static Result<StringTest> parse(std::string_view value, Mode mode);

  /// Whether it looks through a text, which takes as long as many comparisons with its beginning.
  bool is_search() const { return mode_ == Mode::kContains || mode_ == Mode::kSoundsLike; }
  /// A string token; false for others. With `by_words`, each of its words may be the beginning.
  /// Takes time in proportion to the text, whatever the value.
  bool matches_string(const fhir::JsonTokens& tokens, std::size_t value, bool by_words,
                      Scratch& scratch) const;
  /// A value of a string parameter: a string, a HumanName, an Address.
  bool matches(const fhir::JsonTokens& tokens, std::size_t value, const Path& path,
               Scratch& scratch) const;

 private:
  Mode mode_ = Mode::kStartsWith;
  // As the mode compares it: folded but for kExact; of kStartsWith with a space before it, of
  // kSoundsLike the codes with a space before and after them.
  std::string wanted_;
};

}  // namespace sluice::search
