#include "fhirpath/model.h"

#include <algorithm>
#include <iterator>

#include "r4_elements.h"

namespace sluice::fhirpath {
namespace {

constexpr TypeId kTypeCount = std::size(r4::kTypes);
constexpr TypeId kFirstOfFhir = system::kQuantity + 1;

}  // namespace

std::span<const TypeId> ElementRow::types() const {
  return std::span(r4::kElementTypes).subspan(first_type, type_count);
}

std::span<const ElementRow> TypeRow::elements() const {
  return std::span(r4::kElements).subspan(first_element, element_count);
}

const TypeRow& row_of(TypeId type) {
  return r4::kTypes[type];
}

TypeId type_count() {
  return kTypeCount;
}

bool is_system(TypeId type) {
  return type < kFirstOfFhir;
}

bool is_a(TypeId type, TypeId base) {
  for (; type != system::kAny; type = row_of(type).base)
    if (type == base) return true;
  return false;
}

std::optional<TypeId> find_fhir_type(std::string_view name) {
  const auto begin = std::begin(r4::kTypes) + kFirstOfFhir;
  const auto end = std::end(r4::kTypes);
  const auto found = std::lower_bound(
      begin, end, name, [](const TypeRow& row, std::string_view key) { return row.name < key; });
  if (found == end || found->name != name) return std::nullopt;
  return static_cast<TypeId>(found - std::begin(r4::kTypes));
}

std::optional<TypeId> find_system_type(std::string_view name) {
  for (TypeId type = 0; type < kFirstOfFhir; ++type)
    if (row_of(type).name == name) return type;
  return std::nullopt;
}

const ElementRow* find_element(TypeId type, std::string_view name) {
  if (type >= kTypeCount) return nullptr;
  const auto elements = row_of(type).elements();
  const auto found =
      std::lower_bound(elements.begin(), elements.end(), name,
                       [](const ElementRow& row, std::string_view key) { return row.name < key; });
  return found == elements.end() || found->name != name ? nullptr : &*found;
}

std::string_view short_name(TypeId type) {
  const auto& row = row_of(type);
  return row.kind == TypeKind::kBackbone ? row_of(row.base).name : row.name;
}

std::string qualified_name(TypeId type) {
  return std::string(is_system(type) ? "System." : "FHIR.").append(short_name(type));
}

const KnownTypes& known_types() {
  static const KnownTypes types{*find_fhir_type("Element"),   *find_fhir_type("BackboneElement"),
                                *find_fhir_type("Resource"),  *find_fhir_type("DomainResource"),
                                *find_fhir_type("Extension"), *find_fhir_type("Reference"),
                                *find_fhir_type("string"),    *find_fhir_type("Bundle")};
  return types;
}

}  // namespace sluice::fhirpath
