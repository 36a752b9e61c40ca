#include "table/column.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "fhirpath/document.h"
#include "json/json_check.h"

namespace sluice::table {
namespace {

constexpr int kPrecisionMax = 38;

using Stored = std::pair<std::string_view, Storage>;

// The names that SQL's standard and the common engines have.
constexpr std::array kAnsiTypes = {
    Stored{"BOOLEAN", Storage::kBoolean},
    Stored{"BOOL", Storage::kBoolean},
    Stored{"SMALLINT", Storage::kInteger},
    Stored{"INT", Storage::kInteger},
    Stored{"INTEGER", Storage::kInteger},
    Stored{"BIGINT", Storage::kInteger64},
    Stored{"DECIMAL", Storage::kDecimal},
    Stored{"NUMERIC", Storage::kDecimal},
    Stored{"DEC", Storage::kDecimal},
    Stored{"DATE", Storage::kDate},
    Stored{"TIMESTAMP", Storage::kTimestamp},
    Stored{"TIMESTAMP WITH TIME ZONE", Storage::kTimestamp},
    Stored{"BINARY", Storage::kBinary},
    Stored{"BINARY VARYING", Storage::kBinary},
    Stored{"VARBINARY", Storage::kBinary},
    Stored{"BINARY LARGE OBJECT", Storage::kBinary},
    Stored{"BLOB", Storage::kBinary},
    Stored{"CHARACTER", Storage::kText},
    Stored{"CHAR", Storage::kText},
    Stored{"CHARACTER VARYING", Storage::kText},
    Stored{"VARCHAR", Storage::kText},
    Stored{"TEXT", Storage::kText},
    Stored{"CHARACTER LARGE OBJECT", Storage::kText},
    Stored{"CLOB", Storage::kText},
};

/// In capitals, with single spaces, and the numbers between brackets apart.
struct AnsiType {
  std::string name;
  std::vector<int> numbers;
};

std::optional<AnsiType> parse_ansi_type(std::string_view text) {
  AnsiType type;
  bool is_inside = false;
  std::string digits;
  const auto end_number = [&] {
    int number = 0;
    const auto [end, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool is_whole = failed == std::errc() && end == digits.data() + digits.size();
    digits.clear();
    if (is_whole) type.numbers.push_back(number);
    return is_whole;
  };
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n') {
      if (!is_inside && !type.name.empty() && type.name.back() != ' ') type.name += ' ';
    } else if (c == '(') {
      if (is_inside) return std::nullopt;
      is_inside = true;
    } else if (c == ')' || c == ',') {
      if (!is_inside || !end_number()) return std::nullopt;
      is_inside = c == ',';
    } else if (is_inside) {
      digits += c;
    } else {
      type.name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  while (!type.name.empty() && type.name.back() == ' ') type.name.pop_back();
  if (is_inside) return std::nullopt;
  return type;
}

}  // namespace

std::string_view short_type(std::string_view type) {
  const std::size_t slash = type.rfind('/');
  return slash == std::string_view::npos ? type : type.substr(slash + 1);
}

Storage storage_of(std::string_view type) {
  type = short_type(type);
  if (type == "instant") return Storage::kTimestamp;
  if (type == "boolean" || type == "Boolean") return Storage::kBoolean;
  if (type == "integer" || type == "positiveInt" || type == "unsignedInt" || type == "Integer")
    return Storage::kInteger;
  if (type == "integer64" || type == "Long") return Storage::kInteger64;
  if (type == "base64Binary") return Storage::kBinary;
  return Storage::kText;
}

Result<void> set_ansi_type(Column& column, std::string_view ansi_type) {
  const auto type = parse_ansi_type(ansi_type);
  const auto unsupported = [&] {
    return Error{ErrorKind::kUnsupported,
                 fmt::format("the ansi/type '{}' is not supported", shortened(ansi_type, 80))};
  };
  if (!type) return unsupported();
  const auto* known = std::find_if(kAnsiTypes.begin(), kAnsiTypes.end(),
                                   [&](const Stored& each) { return each.first == type->name; });
  if (known == kAnsiTypes.end()) return unsupported();
  column.storage = known->second;
  if (column.storage != Storage::kDecimal) return {};
  column.precision = type->numbers.empty() ? kPrecisionMax : type->numbers[0];
  column.scale = type->numbers.size() < 2 ? 0 : type->numbers[1];
  if (type->numbers.size() > 2 || column.precision < 1 || column.precision > kPrecisionMax ||
      column.scale < 0 || column.scale > column.precision)
    return invalid(fmt::format("'{}' is no decimal of 1 to {} digits", shortened(ansi_type, 80),
                               kPrecisionMax));
  return {};
}

std::optional<std::string_view> text_view(const fhirpath::Value& value) {
  if (const auto* const node = value.node()) {
    if (node->value == fhirpath::Node::kNone) return std::nullopt;
    const auto& tokens = node->document->tokens();
    const char first = tokens.first(node->value);
    if (first == '{' || first == '[') return std::nullopt;
    if (first != '"') return tokens.scalar(node->value);
    if (node->document->has_escapes()) return std::nullopt;
    return tokens.raw_string(node->value);
  }
  const auto* const text = value.get<std::string>();
  return text == nullptr ? std::nullopt : std::optional<std::string_view>(*text);
}

void append_text(const fhirpath::Value& value, std::string& out) {
  if (const auto* const node = value.node()) {
    if (node->value == fhirpath::Node::kNone) return;
    const auto& tokens = node->document->tokens();
    const char first = tokens.first(node->value);
    if (first == '"') {
      const std::string_view raw = tokens.raw_string(node->value);
      if (!node->document->has_escapes() || raw.find('\\') == std::string_view::npos)
        out += raw;
      else
        out += fhir::unescape(raw);
      return;
    }
    node->document->append_compact(node->value, out);
    return;
  }
  if (const auto* const text = value.get<std::string>()) {
    out += *text;
  } else if (const auto converted = fhirpath::to_text(value)) {
    out += *converted;
  } else {
    fhirpath::append_json(value, out);
  }
}

}  // namespace sluice::table
