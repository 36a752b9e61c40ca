// The tokens of an expression's text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::fhirpath {

enum class TokenKind : std::uint8_t {
  kEnd,
  kIdentifier,  ///< `text` is its name
  kDelimited,   ///< the same in backticks: never a keyword
  kString,      ///< `text` is its meaning
  kInteger,
  kLong,
  kDecimal,
  kDate,  ///< `text` without "@"
  kDateTime,
  kTime,    ///< `text` without "@T"
  kDollar,  ///< `text` is "$this", "$index" or "$total"
  kSymbol   ///< `text` is one of ( ) [ ] { } . , + - * / & | = != ~ !~ < <= > >= %
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  std::size_t position = 0;  ///< of its first byte
};

/// An error that names a place of an expression: "at character 7" counts characters from 1.
Error error_at(std::string_view expression, std::size_t position, std::string message,
               ErrorKind kind = ErrorKind::kInvalid);

/// All tokens, the last being kEnd. On failure `position` is where the fault is.
Result<std::vector<Token>> read_tokens(std::string_view expression, std::size_t& position);

}  // namespace sluice::fhirpath
