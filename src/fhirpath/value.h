// What expressions are about: nodes of a resource's JSON, and values of FHIRPath's own types.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "fhirpath/decimal.h"
#include "fhirpath/model.h"
#include "fhirpath/quantity.h"
#include "fhirpath/temporal.h"

namespace sluice::fhirpath {

class Document;

/// A value in the JSON of a document, which must outlive it. Cheap to copy.
struct Node {
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  const Document* document = nullptr;
  std::uint32_t value = kNone;      ///< its token
  std::uint32_t companion = kNone;  ///< of a primitive, that of the object with id and extensions
  TypeId type = system::kAny;

  friend bool operator==(const Node&, const Node&) = default;
};

struct Integer {
  std::int64_t value = 0;
  bool is_long = false;
};

/// What type() says.
struct TypeInfo {
  TypeId type = system::kAny;
};

struct Value {
  using Data =
      std::variant<Node, bool, Integer, Decimal, std::string, Temporal, Quantity, TypeInfo>;
  Data data;

  Value() = default;
  template <class T>
  requires std::is_constructible_v<Data, T> Value(T value)
      : data(std::move(value)) {}  // NOLINT: converts as its alternatives do

  const Node* node() const { return std::get_if<Node>(&data); }
  template <class T>
  const T* get() const {
    return std::get_if<T>(&data);
  }
};

using Collection = std::vector<Value>;

TypeId type_of(const Value& value);
/// "FHIR.HumanName", "System.Integer".
std::string type_name(const Value& value);
/// Appends the value as JSON: a node as it stands in its text (null for a primitive without a
/// value), dates without "@", quantities as FHIR writes them.
void append_json(const Value& value, std::string& out);
std::string to_json(const Value& value);

/// The System value of a node that converts to one: primitives with a value, quantities. Others,
/// and what is no node, are returned unchanged.
Value to_system(const Value& value);
/// The text of a System value as toString() writes it; nullopt for what has none.
std::optional<std::string> to_text(const Value& value);

}  // namespace sluice::fhirpath
