// The functions on text.
#include <fmt/format.h>

#include "fhirpath/machine.h"
#include "fhirpath/regex.h"
#include "fhirpath/text.h"

namespace sluice::fhirpath {
namespace {

// To compile a regular expression costs as much as so many steps.
constexpr std::size_t kRegexSteps = 500;
constexpr std::size_t kRegexStepsOfInstruction = 8;
constexpr std::size_t kRegexWorkOfStep = 128;

}  // namespace

bool Machine::string_function(const Syntax& tree, const Frame& frame, const Collection& input,
                              Collection& out) {
  const Value* one = nullptr;
  if (!single(tree, input, one)) return false;
  if (one == nullptr) return true;
  const Value value = system_value(*one);
  const auto* found = value.get<std::string>();
  if (found == nullptr) {
    if (const Node* node = value.node(); node != nullptr && node->value == Node::kNone) return true;
    return fail(tree, fmt::format("{}() takes text, not {}; toString() makes text of it", tree.name,
                                  type_name(*one)));
  }
  const std::string& text = *found;
  switch (tree.function) {
    case Function::kUpper:
      return push_text(tree, to_upper(text), out);
    case Function::kLower:
      return push_text(tree, to_lower_case(text), out);
    case Function::kTrim:
      return push_text(tree, trimmed_text(text), out);
    case Function::kLength:
      push_integer(static_cast<std::int64_t>(character_count(text)), false, out);
      return true;
    case Function::kToChars:
      return push_characters(tree, text, out);
    case Function::kSubstring:
      return substring(tree, frame, text, out);
    case Function::kReplace:
      return replace(tree, frame, text, out);
    case Function::kMatches:
    case Function::kMatchesFull:
    case Function::kReplaceMatches:
      return match(tree, frame, text, out);
    case Function::kEncode:
    case Function::kDecode:
    case Function::kEscape:
    case Function::kUnescape:
      return code_text(tree, frame, text, out);
    case Function::kSplit:
      return split(tree, frame, text, out);
    default:
      return string_search(tree, frame, text, out);
  }
}

bool Machine::push_characters(const Syntax& tree, const std::string& text, Collection& out) {
  const std::size_t count = character_count(text);
  if (!steps(tree, count) || !check_room(tree, out, count)) return false;
  out.reserve(out.size() + count);
  for (auto& character : characters_of(text)) out.emplace_back(std::move(character));
  return true;
}

bool Machine::string_search(const Syntax& tree, const Frame& frame, const std::string& text,
                            Collection& out) {
  std::optional<std::string> part;
  if (!text_argument(tree, 0, frame, part)) return false;
  if (!part) return true;
  const auto index = [&](std::size_t found) {
    push_integer(
        found == std::string::npos
            ? -1
            : static_cast<std::int64_t>(character_count(std::string_view(text).substr(0, found))),
        false, out);
  };
  switch (tree.function) {
    case Function::kIndexOf:
      index(find_first(text, *part));
      break;
    case Function::kLastIndexOf:
      index(find_last(text, *part));
      break;
    case Function::kStartsWith:
      out.emplace_back(text.starts_with(*part));
      break;
    case Function::kEndsWith:
      out.emplace_back(text.ends_with(*part));
      break;
    default:
      out.emplace_back(find_first(text, *part) != std::string::npos);
      break;
  }
  return true;
}

bool Machine::substring(const Syntax& tree, const Frame& frame, const std::string& text,
                        Collection& out) {
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> length;
  if (!integer_argument(tree, 0, frame, start)) return false;
  if (tree.arguments.size() == 2 && !integer_argument(tree, 1, frame, length)) return false;
  if (!start || *start < 0) return true;
  const std::size_t begin = offset_of(text, static_cast<std::size_t>(*start));
  if (begin >= text.size()) return true;
  const std::string_view rest = std::string_view(text).substr(begin);
  const std::size_t size =
      length ? offset_of(rest, static_cast<std::size_t>(std::max<std::int64_t>(*length, 0)))
             : rest.size();
  return push_text(tree, std::string(rest.substr(0, size)), out);
}

bool Machine::replace(const Syntax& tree, const Frame& frame, const std::string& text,
                      Collection& out) {
  std::optional<std::string> pattern;
  std::optional<std::string> substitution;
  if (!text_argument(tree, 0, frame, pattern) || !text_argument(tree, 1, frame, substitution))
    return false;
  if (!pattern || !substitution) return true;
  std::string result;
  const auto fits = [&] { return result.size() <= options_.text_max; };
  if (pattern->empty()) {
    result = *substitution;
    for (const auto& character : characters_of(text)) {
      if (!fits()) break;
      result += character + *substitution;
    }
    return push_text(tree, std::move(result), out);
  }
  std::size_t at = 0;
  for (std::size_t found; fits() && (found = find_first(text, *pattern, at)) != std::string::npos;
       at = found + pattern->size())
    result.append(text, at, found - at) += *substitution;
  result.append(text, at);
  return push_text(tree, std::move(result), out);
}

bool Machine::match(const Syntax& tree, const Frame& frame, const std::string& text,
                    Collection& out) {
  const bool replaces = tree.function == Function::kReplaceMatches;
  std::optional<std::string> substitution;
  if (replaces && !text_argument(tree, 1, frame, substitution)) return false;
  auto regex = tree.regex;
  if (regex == nullptr) {
    std::optional<std::string> pattern;
    std::optional<std::string> flags;
    const std::size_t flags_at = replaces ? 2 : 1;
    if (!text_argument(tree, 0, frame, pattern)) return false;
    if (tree.arguments.size() > flags_at && !text_argument(tree, flags_at, frame, flags))
      return false;
    if (!pattern) return true;
    auto compiled = compile_regex(*pattern, flags.value_or(""));
    if (!compiled) return fail(*tree.arguments[0], compiled.error().message);
    regex = std::move(*compiled);
    if (!steps(tree, kRegexSteps + kRegexStepsOfInstruction * size_of(*regex))) return false;
  }
  // What RE2 does in the worst case: each instruction at each byte.
  if (!steps(tree, text.size() * size_of(*regex) / kRegexWorkOfStep)) return false;
  if (!replaces) {
    out.emplace_back(matches(*regex, text, tree.function == Function::kMatchesFull));
    return true;
  }
  if (!substitution) return true;
  if ((substitution->size() + 1) * (text.size() + 1) > options_.text_max * std::size_t{64})
    return fail(tree, "the texts are too long to replace in", ErrorKind::kTooLarge);
  auto result = replace_matches(*regex, text, *substitution);
  if (!result) return fail(*tree.arguments[1], result.error().message);
  return push_text(tree, std::move(*result), out);
}

bool Machine::code_text(const Syntax& tree, const Frame& frame, const std::string& text,
                        Collection& out) {
  std::optional<std::string> format;
  if (!text_argument(tree, 0, frame, format)) return false;
  if (!format) return true;
  const bool escapes = tree.function == Function::kEscape || tree.function == Function::kUnescape;
  const bool known = escapes ? *format == "html" || *format == "json"
                             : *format == "base64" || *format == "urlbase64" || *format == "hex";
  if (!known)
    return fail(*tree.arguments[0],
                fmt::format("{}() knows {}", tree.name,
                            escapes ? "'html' and 'json'" : "'hex', 'base64' and 'urlbase64'"));
  std::optional<std::string> result;
  if (tree.function == Function::kEncode) result = encoded(text, *format);
  if (tree.function == Function::kDecode) result = decoded(text, *format);
  if (tree.function == Function::kEscape) result = escaped(text, *format);
  if (tree.function == Function::kUnescape) result = unescaped(text, *format);
  return !result || push_text(tree, std::move(*result), out);
}

bool Machine::split(const Syntax& tree, const Frame& frame, const std::string& text,
                    Collection& out) {
  std::optional<std::string> separator;
  if (!text_argument(tree, 0, frame, separator)) return false;
  if (!separator) return true;
  if (separator->empty()) return push_characters(tree, text, out);
  for (std::size_t at = 0;;) {
    const std::size_t found = find_first(text, *separator, at);
    if (!step(tree) || !check_room(tree, out, 1)) return false;
    out.emplace_back(text.substr(at, found == std::string::npos ? found : found - at));
    if (found == std::string::npos) return true;
    at = found + separator->size();
  }
}

bool Machine::join(const Syntax& tree, const Frame& frame, const Collection& input,
                   Collection& out) {
  std::optional<std::string> separator;
  if (!tree.arguments.empty() && !text_argument(tree, 0, frame, separator)) return false;
  if (input.empty() && !options_.joins_nothing_to_text) return true;
  std::string text;
  for (std::size_t i = 0; i < input.size() && text.size() <= options_.text_max; ++i) {
    const Value value = system_value(input[i]);
    const auto* part = value.get<std::string>();
    if (part == nullptr)
      return fail(tree, fmt::format("join() takes texts, not {}", type_name(input[i])));
    if (i > 0 && separator) text += *separator;
    text += *part;
  }
  return push_text(tree, std::move(text), out);
}

}  // namespace sluice::fhirpath
