// The types that expressions speak of: FHIRPath's own (System) and those of FHIR R4, with their
// elements, from the table in r4/.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::fhirpath {

/// The number of a type in this build; not stable from one build to the next.
using TypeId = std::uint16_t;

/// The types of System, which have the first numbers. kAny: what nothing is known of.
namespace system {
inline constexpr TypeId kAny = 0;
inline constexpr TypeId kBoolean = 1;
inline constexpr TypeId kString = 2;
inline constexpr TypeId kInteger = 3;
inline constexpr TypeId kLong = 4;
inline constexpr TypeId kDecimal = 5;
inline constexpr TypeId kDate = 6;
inline constexpr TypeId kDateTime = 7;
inline constexpr TypeId kTime = 8;
inline constexpr TypeId kQuantity = 9;
}  // namespace system

enum class TypeKind : std::uint8_t { kSystem, kPrimitive, kComplex, kBackbone, kResource };

struct ElementRow {
  std::string_view name;  ///< of a choice without "[x]": "value"
  std::uint16_t first_type;
  std::uint8_t type_count;
  bool repeats;
  bool is_choice;
  std::span<const TypeId> types() const;
};

struct TypeRow {
  std::string_view name;  ///< "Patient", "Patient.contact", "date"
  TypeId base;            ///< kAny for none
  TypeKind kind;
  TypeId conversion;  ///< the System type that its values convert to; kAny for none
  std::uint16_t first_element;
  std::uint16_t element_count;
  std::span<const ElementRow> elements() const;  ///< by name
};

const TypeRow& row_of(TypeId type);
/// How many there are: the numbers of FHIR's begin behind those of System.
TypeId type_count();
bool is_system(TypeId type);
/// Whether `type` is `base` or specialises it.
bool is_a(TypeId type, TypeId base);
/// A type of FHIR by its name; nullopt if R4 has none.
std::optional<TypeId> find_fhir_type(std::string_view name);
/// A type of System by its name ("Integer").
std::optional<TypeId> find_system_type(std::string_view name);
/// The element of a type with this name; null if there is none. The name of a choice is the one
/// without a type.
const ElementRow* find_element(TypeId type, std::string_view name);
/// "System.Integer", "FHIR.Patient"; "FHIR.BackboneElement" for elements with elements of their
/// own, whose types have no name.
std::string qualified_name(TypeId type);
/// The same without the namespace.
std::string_view short_name(TypeId type);

/// Types that functions ask for.
struct KnownTypes {
  TypeId element;
  TypeId backbone_element;
  TypeId resource;
  TypeId domain_resource;
  TypeId extension;
  TypeId reference;
  TypeId string;
  TypeId bundle;
};
const KnownTypes& known_types();

}  // namespace sluice::fhirpath
