// One value of a string parameter, and of token parameters with :text: whether a text matches it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "json/json_tokens.h"
#include "search/path.h"

namespace sluice::search {

/// Buffers of an evaluation, kept from resource to resource.
struct Scratch {
  std::string text;
  std::string folded;
  std::string codes;
};

class StringTest {
 public:
  enum class Mode : std::uint8_t { kStartsWith, kContains, kExact, kWhole, kSoundsLike };

  /// `value`: unescaped. kInvalid when nothing of it would count.
  static Result<StringTest> parse(std::string_view value, Mode mode);

  /// A plain text; with `by_words`, each of its words may be the beginning.
  bool matches_text(std::string_view text, bool by_words, Scratch& scratch) const;
  /// A string token; false for others.
  bool matches_string(const fhir::JsonTokens& tokens, std::size_t value, bool by_words,
                      Scratch& scratch) const;
  /// A value of a string parameter: a string, a HumanName, an Address.
  bool matches(const fhir::JsonTokens& tokens, std::size_t value, const Path& path,
               Scratch& scratch) const;

 private:
  Mode mode_ = Mode::kStartsWith;
  std::string needle_;  // as the mode compares it
};

}  // namespace sluice::search
