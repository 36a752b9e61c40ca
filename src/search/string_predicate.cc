#include "search/string_predicate.h"

#include <array>
#include <cstring>

#include "search/text_folding.h"

namespace sluice::search {
namespace {

// The elements of type string of HumanName and Address.
constexpr std::array kNameParts = {"family", "given", "text", "prefix", "suffix"};
constexpr std::array kAddressParts = {"line",       "city",    "district", "state",
                                      "postalCode", "country", "text"};

/// Whether `wanted` is a part of `text`. In linear time, which string_view::find does not promise.
bool contains(std::string_view text, std::string_view wanted) {
  return ::memmem(text.data(), text.size(), wanted.data(), wanted.size()) != nullptr;
}

}  // namespace

Result<StringTest> StringTest::parse(std::string_view value, Mode mode) {
  StringTest test;
  test.mode_ = mode;
  if (mode == Mode::kExact) {
    test.wanted_ = value;
    return test;
  }
  fold(value, test.wanted_);
  if (test.wanted_.empty()) return invalid("has no letter or digit to look for");
  if (mode == Mode::kStartsWith) test.wanted_.insert(0, 1, ' ');
  if (mode == Mode::kSoundsLike) {
    std::string codes;
    soundex(test.wanted_, codes);
    test.wanted_ = ' ' + codes + ' ';
  }
  return test;
}

bool StringTest::matches_string(const fhir::JsonTokens& tokens, std::size_t value, bool by_words,
                                Scratch& scratch) const {
  if (value >= tokens.size() || tokens.first(value) != '"') return false;
  switch (mode_) {
    case Mode::kExact:
      return is_string(tokens, value, wanted_);
    case Mode::kSoundsLike:
      return contains(scratch.folded.codes(tokens, value), wanted_);
    case Mode::kContains:
      return contains(scratch.folded.folded(tokens, value), wanted_);
    case Mode::kWhole:
      return scratch.folded.folded(tokens, value) == wanted_;
    case Mode::kStartsWith:
      break;
  }
  const std::string_view folded = scratch.folded.folded(tokens, value);
  return folded.starts_with(std::string_view(wanted_).substr(1)) ||
         (by_words && contains(folded, wanted_));
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
