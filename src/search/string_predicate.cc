#include "search/string_predicate.h"

#include <array>

#include "search/text_folding.h"

namespace sluice::search {
namespace {

// The elements of type string of HumanName and Address.
constexpr std::array kNameParts = {"family", "given", "text", "prefix", "suffix"};
constexpr std::array kAddressParts = {"line",       "city",    "district", "state",
                                      "postalCode", "country", "text"};

/// Whether one of the codes in `text` is that in `code`, by whole words.
bool has_word(std::string_view text, std::string_view code) {
  for (std::size_t at = text.find(code); at != std::string_view::npos;
       at = text.find(code, at + 1)) {
    const std::size_t end = at + code.size();
    if ((at == 0 || text[at - 1] == ' ') && (end == text.size() || text[end] == ' ')) return true;
  }
  return false;
}

}  // namespace

Result<StringTest> StringTest::parse(std::string_view value, Mode mode) {
  StringTest test;
  test.mode_ = mode;
  if (mode == Mode::kExact) {
    test.needle_ = value;
    return test;
  }
  fold(value, test.needle_);
  if (test.needle_.empty()) return invalid("has no letter or digit to look for");
  if (mode == Mode::kSoundsLike) {
    std::string codes;
    soundex(test.needle_, codes);
    test.needle_ = std::move(codes);
  }
  return test;
}

bool StringTest::matches_text(std::string_view text, bool by_words, Scratch& scratch) const {
  if (mode_ == Mode::kExact) return text == needle_;
  fold(text, scratch.folded);
  const std::string_view folded = scratch.folded;
  switch (mode_) {
    case Mode::kContains:
      return folded.find(needle_) != std::string_view::npos;
    case Mode::kWhole:
      return folded == needle_;
    case Mode::kSoundsLike:
      soundex(folded, scratch.codes);
      return has_word(scratch.codes, needle_);
    default:
      break;
  }
  if (folded.starts_with(needle_)) return true;
  if (!by_words) return false;
  for (std::size_t space = folded.find(' '); space != std::string_view::npos;
       space = folded.find(' ', space + 1)) {
    if (folded.substr(space + 1).starts_with(needle_)) return true;
  }
  return false;
}

bool StringTest::matches_string(const fhir::JsonTokens& tokens, std::size_t value, bool by_words,
                                Scratch& scratch) const {
  if (value >= tokens.size() || tokens.first(value) != '"') return false;
  return matches_text(string_of(tokens, value, scratch.text), by_words, scratch);
}

bool StringTest::matches(const fhir::JsonTokens& tokens, std::size_t value, const Path& path,
                         Scratch& scratch) const {
  const auto any_of = [&](const auto& names) {
    for (const std::string_view name : names) {
      const bool by_words = name == std::string_view("family");
      const std::size_t part = member(tokens, value, name);
      if (part != kNoToken && any_element(tokens, part, [&](std::size_t element) {
            return matches_string(tokens, element, by_words, scratch);
          }))
        return true;
    }
    return false;
  };
  if (path.type == DataType::kHumanName) return any_of(kNameParts);
  if (path.type == DataType::kAddress) return any_of(kAddressParts);
  return matches_string(tokens, value, path.is_family_name, scratch);
}

}  // namespace sluice::search
