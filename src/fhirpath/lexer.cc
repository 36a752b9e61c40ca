#include "fhirpath/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/utf8.h"

namespace sluice::fhirpath {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

class Lexer {
 public:
  Lexer(std::string_view text, std::size_t& position) : text_(text), position_(position) {}

  Result<std::vector<Token>> read() {
    std::vector<Token> tokens;
    for (;;) {
      SLUICE_RETURN_IF_ERROR(skip_blank());
      begin_ = at_;
      if (at_ == text_.size()) {
        tokens.push_back({TokenKind::kEnd, "", at_});
        return tokens;
      }
      SLUICE_ASSIGN_OR_RETURN(auto token, next());
      token.position = begin_;
      tokens.push_back(std::move(token));
    }
  }

 private:
  Error fail(std::size_t at, std::string message) {
    position_ = at;
    return error_at(text_, at, std::move(message));
  }

  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  Result<void> skip_blank() {
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      if (std::string_view(" \t\r\n").find(rest[0]) != std::string_view::npos) {
        ++at_;
      } else if (rest.starts_with("//")) {
        at_ += std::min(rest.find_first_of("\r\n"), rest.size());
      } else if (rest.starts_with("/*")) {
        const std::size_t end = rest.find("*/", 2);
        if (end == std::string_view::npos) return fail(at_, "the comment has no end");
        at_ += end + 2;
      } else {
        break;
      }
    }
    return {};
  }

  Result<Token> next() {
    const char c = text_[at_];
    if (is_letter(c)) return word();
    if (is_digit(c)) return number();
    if (c == '\'') return quoted('\'', TokenKind::kString);
    if (c == '`') return quoted('`', TokenKind::kDelimited);
    if (c == '@') return moment();
    if (c == '$') return dollar();
    for (const std::string_view symbol : {"!=", "!~", "<=", ">="}) {
      if (!text_.substr(at_).starts_with(symbol)) continue;
      at_ += 2;
      return Token{TokenKind::kSymbol, std::string(symbol), 0};
    }
    if (std::string_view("()[]{}.,+-*/&|=~<>%:").find(c) == std::string_view::npos)
      return fail(at_, fmt::format("'{}' does not belong here", shortened(text_.substr(at_), 4)));
    ++at_;
    return Token{TokenKind::kSymbol, std::string(1, c), 0};
  }

  Token word() {
    while (is_letter(peek()) || is_digit(peek())) ++at_;
    return {TokenKind::kIdentifier, std::string(text_.substr(begin_, at_ - begin_)), 0};
  }

  Result<Token> dollar() {
    ++at_;
    while (is_letter(peek())) ++at_;
    std::string name(text_.substr(begin_, at_ - begin_));
    if (name != "$this" && name != "$index" && name != "$total")
      return fail(begin_, fmt::format("'{}' is not $this, $index or $total", shortened(name, 40)));
    return Token{TokenKind::kDollar, std::move(name), 0};
  }

  Token number() {
    while (is_digit(peek())) ++at_;
    auto kind = TokenKind::kInteger;
    if (peek() == '.' && is_digit(peek(1))) {
      kind = TokenKind::kDecimal;
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    Token token{kind, std::string(text_.substr(begin_, at_ - begin_)), 0};
    if (kind == TokenKind::kInteger && peek() == 'L' && !is_letter(peek(1)) && !is_digit(peek(1))) {
      ++at_;
      token.kind = TokenKind::kLong;
    }
    return token;
  }

  /// Takes [0-9]{count}.
  bool digits(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      if (!is_digit(peek(i))) return false;
    at_ += count;
    return true;
  }

  bool clock() {
    if (!digits(2)) return false;
    for (int part = 0; part < 2; ++part) {
      if (peek() != ':') return true;
      ++at_;
      if (!digits(2)) return false;
    }
    if (peek() == '.' && is_digit(peek(1))) {
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    return true;
  }

  Result<Token> moment() {
    ++at_;
    if (peek() == 'T') {
      ++at_;
      const std::size_t start = at_;
      if (!clock()) return fail(begin_, "a time is written as @T14:30:00");
      if (peek() == 'Z' || ((peek() == '+' || peek() == '-') && is_digit(peek(1)) &&
                            is_digit(peek(2)) && peek(3) == ':'))
        return fail(at_, "a time has no zone");
      return Token{TokenKind::kTime, std::string(text_.substr(start, at_ - start)), 0};
    }
    const std::size_t start = at_;
    bool ok = digits(4);
    for (int part = 0; ok && part < 2 && peek() == '-' && is_digit(peek(1)); ++part) {
      ++at_;
      ok = digits(2);
    }
    if (!ok) return fail(begin_, "a date is written as @2015-02-04");
    if (peek() != 'T')
      return Token{TokenKind::kDate, std::string(text_.substr(start, at_ - start)), 0};
    ++at_;
    if (is_digit(peek())) {
      if (!clock()) return fail(begin_, "a time is written as T14:30:00");
      if (peek() == 'Z') {
        ++at_;
      } else if ((peek() == '+' || peek() == '-') && is_digit(peek(1)) && is_digit(peek(2)) &&
                 peek(3) == ':') {
        at_ += 4;
        if (!digits(2)) return fail(at_, "a zone is written as +01:00");
      }
    }
    return Token{TokenKind::kDateTime, std::string(text_.substr(start, at_ - start)), 0};
  }

  Result<Token> quoted(char quote, TokenKind kind) {
    Token token{kind, "", 0};
    ++at_;
    while (peek() != quote) {
      if (at_ >= text_.size()) return fail(begin_, "the text has no end");
      if (peek() != '\\') {
        token.text += text_[at_++];
        continue;
      }
      SLUICE_RETURN_IF_ERROR(escape(token.text));
    }
    ++at_;
    return token;
  }

  std::optional<unsigned> hexadecimal() {
    unsigned value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      if (is_digit(c))
        value = value * 16 + static_cast<unsigned>(c - '0');
      else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        value = value * 16 + static_cast<unsigned>((c | 0x20) - 'a' + 10);
      else
        return std::nullopt;
    }
    return value;
  }

  Result<void> escape(std::string& out) {
    const std::size_t start = at_++;
    const char c = peek();
    static constexpr std::string_view kNames = "`'\"\\/fnrt";
    static constexpr std::string_view kMeanings = "`'\"\\/\f\n\r\t";
    const std::size_t found = c == '\0' ? std::string_view::npos : kNames.find(c);
    if (found != std::string_view::npos) {
      ++at_;
      out += kMeanings[found];
      return {};
    }
    if (c != 'u') return fail(start, "there is no such escape");
    ++at_;
    auto code = hexadecimal();
    if (!code) return fail(start, "an escape is written as \\u00e9");
    if (*code >= 0xD800 && *code < 0xDC00 && peek() == '\\' && peek(1) == 'u') {
      at_ += 2;
      const auto low = hexadecimal();
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return fail(start, "half of a surrogate pair");
      code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
    }
    if (*code >= 0xD800 && *code <= 0xDFFF) return fail(start, "half of a surrogate pair");
    append_utf8(out, *code);
    return {};
  }

  std::string_view text_;
  std::size_t& position_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;
};

}  // namespace

Error error_at(std::string_view expression, std::size_t position, std::string message,
               ErrorKind kind) {
  const auto before = expression.substr(0, std::min(position, expression.size()));
  const auto characters =
      std::count_if(before.begin(), before.end(), [](char c) { return (c & 0xC0) != 0x80; });
  return {kind, fmt::format("FHIRPath: {} (at character {})", message, characters + 1)};
}

Result<std::vector<Token>> read_tokens(std::string_view expression, std::size_t& position) {
  if (const std::size_t valid = valid_utf8_prefix(expression); valid != expression.size()) {
    position = valid;
    return error_at(expression, valid, "the expression is not UTF-8");
  }
  return Lexer(expression, position).read();
}

}  // namespace sluice::fhirpath
