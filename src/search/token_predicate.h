// One value of a token parameter: code, system|code, |code, system|.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "search/path.h"
#include "search/string_predicate.h"

namespace sluice::search {

class TokenTest {
 public:
  /// `value`: still escaped. kInvalid or kUnsupported when the parameter's data types cannot have
  /// such a value.
  static Result<TokenTest> parse(std::string_view value, const std::vector<Path>& paths);

  bool matches(const fhir::JsonTokens& tokens, std::size_t value, DataType type,
               Scratch& scratch) const;
  /// An Identifier: also for references with :identifier.
  bool matches_identifier(const fhir::JsonTokens& tokens, std::size_t value) const;
  /// The code, when the system does not count.
  const std::string& code() const { return code_; }

 private:
  bool matches_pair(const fhir::JsonTokens& tokens, std::size_t object,
                    std::string_view code_name) const;

  std::optional<std::string> system_;  // nullopt: any; empty: none
  std::string code_;                   // empty: any
  std::optional<StringTest> text_;     // for elements of type string, where case does not count
};

/// The text that :text matches: CodeableConcept.text, Coding.display, Identifier.type.text.
bool token_text_matches(const StringTest& test, const fhir::JsonTokens& tokens, std::size_t value,
                        DataType type, Scratch& scratch);

}  // namespace sluice::search
