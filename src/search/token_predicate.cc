#include "search/token_predicate.h"

#include <algorithm>

#include "search/value_text.h"

namespace sluice::search {
namespace {

/// Whether values of the data type can have a system.
bool has_system(DataType type) {
  return type == DataType::kCoding || type == DataType::kCodeableConcept ||
         type == DataType::kIdentifier || type == DataType::kReference;
}

}  // namespace

Result<TokenTest> TokenTest::parse(std::string_view value, const std::vector<Path>& paths) {
  const std::vector<std::string_view> parts = split_escaped(value, '|', 2);
  if (parts.size() > 2) return invalid("has more than one '|'");
  TokenTest test;
  test.code_ = unescape_value(parts.back());
  if (parts.size() == 2) {
    test.system_ = unescape_value(parts.front());
    if (test.system_->empty() && test.code_.empty())
      return invalid("has neither a system nor a code");
    const bool only_code = std::all_of(paths.begin(), paths.end(), [](const Path& path) {
      return path.type == DataType::kBoolean || path.type == DataType::kContactPoint ||
             path.type == DataType::kUri || path.type == DataType::kPresence;
    });
    if (only_code) return invalid("has a '|', which values of this parameter do not have");
    const bool can_have = std::any_of(paths.begin(), paths.end(),
                                      [](const Path& path) { return has_system(path.type); });
    // Codes have an implied system, which is not in the data: |code is true of them, system|code
    // cannot be decided.
    if (!can_have && !test.system_->empty())
      return Error{ErrorKind::kUnsupported, "names a system, but the element is a plain value"};
  }
  const bool is_boolean = std::all_of(paths.begin(), paths.end(), [](const Path& path) {
    return path.type == DataType::kBoolean || path.type == DataType::kPresence;
  });
  if (is_boolean && test.code_ != "true" && test.code_ != "false")
    return invalid("is neither true nor false");
  if (std::any_of(paths.begin(), paths.end(),
                  [](const Path& path) { return path.type == DataType::kText; })) {
    auto text = StringTest::parse(test.code_, StringTest::Mode::kWhole);
    if (text) test.text_ = std::move(*text);
  }
  return test;
}

bool TokenTest::matches_pair(const fhir::JsonTokens& tokens, std::size_t object,
                             std::string_view code_name) const {
  if (tokens.first(object) != '{') return false;
  if (!code_.empty()) {
    const std::size_t code = string_member(tokens, object, code_name);
    if (code == kNoToken || !is_string(tokens, code, code_)) return false;
  }
  if (!system_) return true;
  const std::size_t system = string_member(tokens, object, "system");
  return system_->empty() ? system == kNoToken
                          : system != kNoToken && is_string(tokens, system, *system_);
}

bool TokenTest::matches_identifier(const fhir::JsonTokens& tokens, std::size_t value) const {
  return matches_pair(tokens, value, "value");
}

bool TokenTest::matches(const fhir::JsonTokens& tokens, std::size_t value, DataType type,
                        Scratch& scratch) const {
  switch (type) {
    case DataType::kCodeableConcept: {
      const std::size_t codings = member(tokens, value, "coding");
      return codings != kNoToken && any_element(tokens, codings, [&](std::size_t coding) {
               return matches_pair(tokens, coding, "code");
             });
    }
    case DataType::kCoding:
      return matches_pair(tokens, value, "code");
    case DataType::kIdentifier:
      return matches_pair(tokens, value, "value");
    case DataType::kContactPoint: {
      if (system_) return false;
      const std::size_t point = string_member(tokens, value, "value");
      return point != kNoToken && is_string(tokens, point, code_);
    }
    case DataType::kBoolean:
      return !system_ && tokens.first(value) != '"' && tokens.scalar(value) == code_;
    case DataType::kText:
      if (system_ && !system_->empty()) return false;
      return text_ ? text_->matches_string(tokens, value, false, scratch)
                   : is_string(tokens, value, code_);
    default:
      return (!system_ || system_->empty()) && is_string(tokens, value, code_);
  }
}

bool token_text_matches(const StringTest& test, const fhir::JsonTokens& tokens, std::size_t value,
                        DataType type, Scratch& scratch) {
  const auto text_of = [&](std::size_t object, std::string_view name) {
    const std::size_t text = string_member(tokens, object, name);
    return text != kNoToken && test.matches_string(tokens, text, false, scratch);
  };
  if (type == DataType::kCoding) return text_of(value, "display");
  if (type == DataType::kIdentifier) {
    const std::size_t kind = member(tokens, value, "type");
    return kind != kNoToken && text_of(kind, "text");
  }
  if (type == DataType::kText) return test.matches_string(tokens, value, false, scratch);
  if (type != DataType::kCodeableConcept) return false;
  if (text_of(value, "text")) return true;
  const std::size_t codings = member(tokens, value, "coding");
  return codings != kNoToken && any_element(tokens, codings, [&](std::size_t coding) {
           return text_of(coding, "display");
         });
}

}  // namespace sluice::search
