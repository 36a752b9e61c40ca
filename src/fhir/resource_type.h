// The resource types of FHIR R4 and what the standard's tables say of each.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::fhir {

/// A resource type of R4. The number is stored on disk: a type keeps its number forever
/// (src/fhir/r4/resource_types.tsv holds it).
struct ResourceType {
  std::uint16_t code = 0;
  friend auto operator<=>(const ResourceType&, const ResourceType&) = default;
};

/// A resource's identity: type and logical id.
struct ResourceId {
  ResourceType type;
  std::string id;
  friend auto operator<=>(const ResourceId&, const ResourceId&) = default;
};

/// "Patient". Aborts for a code that is not in the table.
std::string_view type_name(ResourceType type);
/// Exact, case-sensitive. nullopt for what R4 does not know.
std::optional<ResourceType> find_resource_type(std::string_view name);
/// Every type that is stored, R4's and additional_resources.h's, ordered by name.
std::span<const ResourceType> all_resource_types();

/// Whether the patient compartment definition lists the type with a parameter (Patient itself too).
bool is_in_patient_compartment(ResourceType type);
/// The mandatory root elements ("status", "code"); choice elements as "value[x]".
std::span<const std::string_view> mandatory_root_elements(ResourceType type);
/// Whether `element` is a root element of the type: also of Resource and DomainResource ("id",
/// "meta", "text", "extension" ...). A choice is known by its name without a type ("value") and
/// with one
/// ("valueQuantity").
bool is_root_element(ResourceType type, std::string_view element);

/// What the value of an element is in JSON.
enum class JsonKind : std::uint8_t { kBoolean, kNumber, kString, kObject };
struct ElementShape {
  JsonKind kind = JsonKind::kString;
  bool repeats = false;  ///< an array of them
};
/// The JSON form of a root element; nullopt for unknown names. A choice must include its type.
std::optional<ElementShape> root_element_shape(ResourceType type, std::string_view element);

/// Whether an element is a uri, url, oid or uuid in R4 (not a canonical), by its name and its
/// parent's, which for a root element is the resource type's.
bool is_link_element(std::string_view element, std::string_view parent);

/// Frequent types by name, for code that treats them apart.
namespace types {
extern const ResourceType kPatient;
extern const ResourceType kGroup;
extern const ResourceType kBinary;
extern const ResourceType kBundle;
extern const ResourceType kProvenance;
}  // namespace types

/// Whether a text is a logical id of FHIR: 1 to 64 of A-Z a-z 0-9 - and '.'.
bool is_valid_id(std::string_view id);

}  // namespace sluice::fhir
