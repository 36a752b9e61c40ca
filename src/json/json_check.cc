#include "json/json_check.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <cstring>
#include <optional>

#include "base/json_text.h"
#include "base/utf8.h"

namespace sluice::fhir {
namespace {

Error not_json(std::string_view what, std::size_t byte) {
  return invalid(fmt::format("not JSON: {} at byte {}", what, byte));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_number(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t from = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at - from;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const bool leading_zero = at < text.size() && text[at] == '0';
  const std::size_t whole = digits();
  if (whole == 0 || (leading_zero && whole > 1)) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

bool is_number_or_literal(std::string_view text) {
  switch (text.front()) {
    case 't':
      return text == "true";
    case 'f':
      return text == "false";
    case 'n':
      return text == "null";
    default:
      return is_number(text);
  }
}

/// The value of four hexadecimal digits at `at`; nullopt for anything else.
std::optional<unsigned> hex4(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(at, 4)) {
    value <<= 4;
    if (is_digit(c)) {
      value |= static_cast<unsigned>(c - '0');
    } else if (const char lower = static_cast<char>(c | 0x20); lower >= 'a' && lower <= 'f') {
      value |= static_cast<unsigned>(lower - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

bool is_high_surrogate(unsigned unit) {
  return unit >= 0xD800 && unit < 0xDC00;
}
bool is_low_surrogate(unsigned unit) {
  return unit >= 0xDC00 && unit < 0xE000;
}

/// A parsed escape: its meaning and its length in bytes; length 0 for a bad one.
struct Escape {
  unsigned code_point = 0;
  std::size_t length = 0;
};

/// The escape that begins with the backslash at `at`.
Escape read_escape(std::string_view text, std::size_t at) {
  if (at + 1 >= text.size()) return {};
  switch (text[at + 1]) {
    case '"':
    case '\\':
    case '/':
      return {static_cast<unsigned char>(text[at + 1]), 2};
    case 'b':
      return {'\b', 2};
    case 'f':
      return {'\f', 2};
    case 'n':
      return {'\n', 2};
    case 'r':
      return {'\r', 2};
    case 't':
      return {'\t', 2};
    case 'u':
      break;
    default:
      return {};
  }
  const auto unit = hex4(text, at + 2);
  if (!unit || is_low_surrogate(*unit)) return {};
  if (!is_high_surrogate(*unit)) return {*unit, 6};
  if (text.substr(at + 6, 2) != "\\u") return {};
  const auto low = hex4(text, at + 8);
  if (!low || !is_low_surrogate(*low)) return {};
  return {0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00), 12};
}

/// Once the grammar holds, every backslash is inside a string: they can be looked at without regard
/// to where strings begin, and most texts have none.
Result<JsonTraits> check_escapes(std::string_view text) {
  JsonTraits traits;
  std::size_t at = 0;
  while (at < text.size()) {
    const void* found = std::memchr(text.data() + at, '\\', text.size() - at);
    if (found == nullptr) break;
    traits.has_escapes = true;
    at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    const Escape escape = read_escape(text, at);
    if (escape.length == 0) return not_json("a bad escape", at);
    at += escape.length;
  }
  return traits;
}

/// Walks the tokens of one object or array. Every turn of the loop is one member or element, or an
/// end.
class Grammar {
 public:
  Grammar(const JsonTokens& tokens, std::size_t depth_max)
      : tokens_(tokens), depth_max_(depth_max) {}

  /// `root`: the bracket that opens the whole.
  Result<void> run(char root) {
    const char* const name = root == '{' ? "object" : "array";
    if (peek() != root) return invalid(fmt::format("not a JSON {}", name));
    SLUICE_RETURN_IF_ERROR(open());
    while (!open_.empty()) {
      const bool in_object = open_.back() == '{';
      if (peek() == (in_object ? '}' : ']')) {
        close();
        continue;
      }
      if (!is_empty_) {
        if (peek() != ',') return expected("a comma or a closing bracket is missing");
        ++at_;
      }
      if (in_object) {
        if (peek() != '"') return expected("a key is missing");
        ++at_;
        if (peek() != ':') return expected("a colon is missing");
        ++at_;
      }
      SLUICE_RETURN_IF_ERROR(value());
    }
    if (at_ == tokens_.size()) return {};
    return invalid(
        fmt::format("there is something after the {} at byte {}", name, tokens_.begin(at_)));
  }

 private:
  /// The first character of the token at hand; NUL behind the last.
  char peek() const { return at_ < tokens_.size() ? tokens_.first(at_) : '\0'; }

  Error expected(std::string_view what) const { return not_json(what, tokens_.begin(at_)); }

  Result<void> value() {
    switch (peek()) {
      case '{':
      case '[':
        return open();
      case '"':
        break;
      case '}':
      case ']':
      case ',':
      case ':':
        return expected("a value is missing");
      default:
        if (at_ == tokens_.size()) return expected("a value is missing");
        if (!is_number_or_literal(tokens_.scalar(at_))) {
          return expected("something that is neither a number nor a literal");
        }
    }
    ++at_;
    is_empty_ = false;
    return {};
  }

  Result<void> open() {
    if (open_.size() == depth_max_) {
      return invalid(fmt::format("nested more than {} levels deep at byte {}", depth_max_,
                                 tokens_.begin(at_)));
    }
    open_.push_back(tokens_.first(at_++));
    is_empty_ = true;
    return {};
  }

  void close() {
    ++at_;
    open_.pop_back();
    is_empty_ = false;
  }

  const JsonTokens& tokens_;
  const std::size_t depth_max_;
  std::string open_;       // the opening brackets we are inside of
  std::size_t at_ = 0;     // the token at hand
  bool is_empty_ = false;  // whether the innermost container has had nothing yet
};

}  // namespace

Result<JsonTraits> check_json_object(const JsonTokens& tokens, std::size_t depth_max) {
  SLUICE_RETURN_IF_ERROR(Grammar(tokens, depth_max).run('{'));
  return check_escapes(tokens.text());
}

Result<JsonTraits> check_json_array(const JsonTokens& tokens, std::size_t depth_max) {
  SLUICE_RETURN_IF_ERROR(Grammar(tokens, depth_max).run('['));
  return check_escapes(tokens.text());
}

std::string unescape(std::string_view raw) {
  std::string out;
  unescape(raw, out);
  return out;
}

void unescape(std::string_view raw, std::string& out) {
  out.clear();
  out.reserve(raw.size());
  for (;;) {
    const std::size_t backslash = raw.find('\\');
    out.append(raw.substr(0, backslash));
    if (backslash == std::string_view::npos) return;
    const Escape escape = read_escape(raw, backslash);
    if (escape.length == 0) {
      out.append(raw.substr(backslash));
      return;
    }
    append_utf8(out, escape.code_point);
    raw.remove_prefix(backslash + escape.length);
  }
}

std::string escape(std::string_view text) {
  const std::string quoted = json_string(text);
  return quoted.substr(1, quoted.size() - 2);
}

bool means(std::string_view raw, std::string_view text) {
  // An escape has at most six bytes for one that it means: what is much longer is not walked.
  if (raw.size() < text.size() || raw.size() > 6 * text.size()) return false;
  for (;;) {
    const std::string_view plain = raw.substr(0, raw.find('\\'));
    if (!text.starts_with(plain)) return false;
    text.remove_prefix(plain.size());
    raw.remove_prefix(plain.size());
    if (raw.empty()) return text.empty();
    const Escape escape = read_escape(raw, 0);
    if (escape.length == 0) return raw == text;
    std::string character;  // at most four bytes, which a string holds in itself
    append_utf8(character, escape.code_point);
    if (!text.starts_with(character)) return false;
    text.remove_prefix(character.size());
    raw.remove_prefix(escape.length);
  }
}

}  // namespace sluice::fhir
