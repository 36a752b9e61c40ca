#include "fhirpath/value.h"

#include "base/json_text.h"
#include "fhirpath/document.h"
#include "json/json_check.h"

namespace sluice::fhirpath {
namespace {

/// A FHIR Quantity. One with a comparator is no single amount, one of another system than UCUM is
/// told apart by it.
std::optional<Quantity> quantity_of(const Node& node) {
  if (!is_object(node) || find_member(*node.document, node.value, "comparator") != Node::kNone)
    return std::nullopt;
  const std::uint32_t number = find_member(*node.document, node.value, "value");
  if (number == Node::kNone) return std::nullopt;
  const auto value = Decimal::parse(node.document->tokens().scalar(number));
  if (!value) return std::nullopt;
  const auto system = member_text(node, "system");
  const auto code = member_text(node, "code");
  const auto unit = member_text(node, "unit");
  if (system == "http://unitsofmeasure.org") {
    if (code) return Quantity{*value, *code, false};
  } else if (system == "http://hl7.org/fhirpath/CodeSystem/calendar-units") {
    if (const auto word = calendar_unit(code.value_or("")))
      return Quantity{*value, std::string(calendar_word(*word)), true};
  } else if (system && code) {
    return Quantity{*value, *system + "|" + *code, false};
  }
  return Quantity{*value, unit.value_or("1"), false};
}

Value of_number(std::string_view text, TypeId type, const Value& otherwise) {
  const auto value = Decimal::parse(text);
  if (!value) return otherwise;
  if (type == system::kInteger) {
    const auto integer = value->to_integer();
    return integer && value->is_whole() ? Value(Integer{*integer}) : Value(*value);
  }
  return *value;
}

Value of_text(const std::string& text, TypeId type, const Value& otherwise) {
  std::optional<Temporal> temporal;
  if (type == system::kDate) temporal = Temporal::parse_date(text);
  if (type == system::kDateTime) temporal = Temporal::parse_date_time(text);
  if (type == system::kTime) temporal = Temporal::parse_time(text);
  if (type == system::kString) return text;
  return temporal ? Value(*temporal) : otherwise;
}

TypeId conversion_of(const Node& node) {
  return row_of(node.type).conversion;
}

}  // namespace

TypeId type_of(const Value& value) {
  struct Visitor {
    TypeId operator()(const Node& node) const { return node.type; }
    TypeId operator()(bool) const { return system::kBoolean; }
    TypeId operator()(const Integer& integer) const {
      return integer.is_long ? system::kLong : system::kInteger;
    }
    TypeId operator()(const Decimal&) const { return system::kDecimal; }
    TypeId operator()(const std::string&) const { return system::kString; }
    TypeId operator()(const Temporal& temporal) const {
      switch (temporal.kind()) {
        case Temporal::Kind::kDate:
          return system::kDate;
        case Temporal::Kind::kTime:
          return system::kTime;
        default:
          return system::kDateTime;
      }
    }
    TypeId operator()(const Quantity&) const { return system::kQuantity; }
    TypeId operator()(const TypeInfo&) const { return system::kAny; }
  };
  return std::visit(Visitor(), value.data);
}

std::string type_name(const Value& value) {
  if (value.get<TypeInfo>() != nullptr) return "System.TypeInfo";
  return qualified_name(type_of(value));
}

void append_json(const Value& value, std::string& out) {
  struct Visitor {
    std::string& out;
    void operator()(const Node& node) const {
      if (node.value == Node::kNone)
        out += "null";
      else
        node.document->append_compact(node.value, out);
    }
    void operator()(bool boolean) const { out += boolean ? "true" : "false"; }
    void operator()(const Integer& integer) const { out += std::to_string(integer.value); }
    void operator()(const Decimal& decimal) const { out += decimal.to_string(); }
    void operator()(const std::string& text) const { out += json_string(text); }
    void operator()(const Temporal& temporal) const { out += json_string(temporal.to_string()); }
    void operator()(const Quantity& quantity) const {
      out += "{\"value\":" + quantity.value.to_string() + ",\"unit\":" + json_string(quantity.unit);
      out += ",\"system\":";
      out += quantity.is_calendar ? "\"http://hl7.org/fhirpath/CodeSystem/calendar-units\""
                                  : "\"http://unitsofmeasure.org\"";
      out += ",\"code\":" + json_string(quantity.unit) + "}";
    }
    void operator()(const TypeInfo& info) const {
      out += "{\"namespace\":";
      out += is_system(info.type) ? "\"System\"" : "\"FHIR\"";
      out += ",\"name\":" + json_string(short_name(info.type)) + "}";
    }
  };
  std::visit(Visitor{out}, value.data);
}

std::string to_json(const Value& value) {
  std::string out;
  append_json(value, out);
  return out;
}

Value to_system(const Value& value) {
  const Node* node = value.node();
  if (node == nullptr || node->value == Node::kNone) return value;
  const TypeId type = conversion_of(*node);
  const auto& tokens = node->document->tokens();
  const char first = tokens.first(node->value);
  if (type == system::kQuantity) {
    const auto quantity = quantity_of(*node);
    return quantity ? Value(*quantity) : value;
  }
  if (first == '"') return of_text(fhir::unescape(tokens.raw_string(node->value)), type, value);
  if (type == system::kBoolean && (first == 't' || first == 'f')) return first == 't';
  if (type == system::kInteger || type == system::kDecimal)
    return of_number(tokens.scalar(node->value), type, value);
  return value;
}

std::optional<std::string> to_text(const Value& value) {
  struct Visitor {
    std::optional<std::string> operator()(const Node&) const { return std::nullopt; }
    std::optional<std::string> operator()(bool boolean) const { return boolean ? "true" : "false"; }
    std::optional<std::string> operator()(const Integer& integer) const {
      return std::to_string(integer.value);
    }
    std::optional<std::string> operator()(const Decimal& decimal) const {
      return decimal.to_string();
    }
    std::optional<std::string> operator()(const std::string& text) const { return text; }
    std::optional<std::string> operator()(const Temporal& temporal) const {
      return temporal.to_string();
    }
    std::optional<std::string> operator()(const Quantity& quantity) const {
      return quantity.to_string();
    }
    std::optional<std::string> operator()(const TypeInfo& info) const {
      return qualified_name(info.type);
    }
  };
  return std::visit(Visitor(), value.data);
}

}  // namespace sluice::fhirpath
