#include "fhir/resource_type.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "fhir/additional_resources.h"
#include "fhir/r4_tables.h"
#include "fhir_r4_tables.h"

namespace sluice::fhir {
namespace {

// Open addressing, filled at compile time: references are looked up by the million while loading.
constexpr std::size_t kBuckets = 1024;

constexpr std::size_t bucket_of(std::string_view name) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(name[i]); };
  const std::size_t size = name.size();
  return (size * 131 + at(0) * 7u + at(size / 2) * 31u + at(size - 1) * 61u + at(size / 3) * 17u) %
         kBuckets;
}

/// Positions in r4::kRows plus one; 0 is an empty bucket.
constexpr auto kBucketRows = [] {
  std::array<std::uint16_t, kBuckets> buckets{};
  for (std::size_t i = 0; i < std::size(r4::kRows); ++i) {
    std::size_t bucket = bucket_of(r4::kRows[i].name);
    while (buckets[bucket] != 0) bucket = (bucket + 1) % kBuckets;
    buckets[bucket] = static_cast<std::uint16_t>(i + 1);
  }
  return buckets;
}();

constexpr std::size_t kCodeMax =
    std::max_element(std::begin(r4::kTypes), std::end(r4::kTypes))->code;

/// Positions in r4::kRows plus one by code.
constexpr auto kCodeRows = [] {
  std::array<std::uint16_t, kCodeMax + 1> rows{};
  for (std::size_t i = 0; i < std::size(r4::kRows); ++i) {
    rows[r4::kRows[i].type.code] = static_cast<std::uint16_t>(i + 1);
  }
  return rows;
}();

constexpr auto kIsIdCharacter = [] {
  std::array<bool, 256> allowed{};
  for (const char c :
       std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.")) {
    allowed[static_cast<unsigned char>(c)] = true;
  }
  return allowed;
}();

}  // namespace

const r4::TypeRow& r4::row(ResourceType type) {
  if (type.code > kCodeMax || kCodeRows[type.code] == 0) std::abort();
  return kRows[kCodeRows[type.code] - 1];
}

std::span<const r4::LinkElement> r4::link_elements() {
  return kLinkElements;
}

namespace types {
constinit const ResourceType kPatient = r4::kPatient;
constinit const ResourceType kGroup = r4::kGroup;
constinit const ResourceType kBinary = r4::kBinary;
constinit const ResourceType kBundle = r4::kBundle;
constinit const ResourceType kProvenance = r4::kProvenance;
constinit const ResourceType kViewDefinition = r4::kViewDefinition;
}  // namespace types

std::string_view type_name(ResourceType type) {
  return r4::row(type).name;
}

std::optional<ResourceType> find_resource_type(std::string_view name) {
  if (name.empty()) return std::nullopt;
  for (std::size_t bucket = bucket_of(name); kBucketRows[bucket] != 0;
       bucket = (bucket + 1) % kBuckets) {
    const r4::TypeRow& row = r4::kRows[kBucketRows[bucket] - 1];
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

std::span<const ResourceType> all_resource_types() {
  return r4::kTypes;
}

bool is_additional_resource(ResourceType type) {
  return type == r4::kViewDefinition;
}

bool is_in_patient_compartment(ResourceType type) {
  return !r4::row(type).compartment_paths.empty();
}

std::span<const std::string_view> mandatory_root_elements(ResourceType type) {
  return r4::row(type).mandatory;
}

bool is_root_element(ResourceType type, std::string_view element) {
  if (element.empty()) return false;
  const auto elements = r4::row(type).root_elements;
  return std::any_of(elements.begin(), elements.end(), [&](const r4::RootElement& root) {
    return root.name == element || root.choice == element;
  });
}

std::optional<ElementShape> root_element_shape(ResourceType type, std::string_view element) {
  for (const r4::RootElement& root : r4::row(type).root_elements)
    if (root.name == element) return ElementShape{root.kind, root.repeats};
  return std::nullopt;
}

bool is_link_element(std::string_view element, std::string_view parent) {
  const auto all = r4::link_elements();
  const auto found = std::lower_bound(
      all.begin(), all.end(), element,
      [](const r4::LinkElement& link, std::string_view name) { return link.name < name; });
  return found != all.end() && found->name == element &&
         std::find(found->but_in.begin(), found->but_in.end(), parent) == found->but_in.end();
}

bool is_valid_id(std::string_view id) {
  if (id.empty() || id.size() > 64) return false;
  // No early end: ids are checked by the million and are nearly always good.
  bool is_valid = true;
  for (const char c : id) is_valid &= kIsIdCharacter[static_cast<unsigned char>(c)];
  return is_valid;
}

}  // namespace sluice::fhir
