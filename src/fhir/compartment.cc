#include "fhir/compartment.h"

#include <algorithm>
#include <cstdlib>

#include "fhir/r4_tables.h"
#include "fhir_r4_tables.h"

namespace sluice::fhir {

bool may_be_supporting(ResourceType type) {
  if (type == r4::kDevice) return true;
  return !is_in_patient_compartment(type) && type != r4::kBinary && type != r4::kBundle;
}

const CompartmentPaths& CompartmentPaths::instance() {
  static const CompartmentPaths paths;
  return paths;
}

CompartmentPaths::CompartmentPaths() : children_(2), ends_(2) {
  const auto types = all_resource_types();
  const auto last = std::max_element(types.begin(), types.end());
  places_of_type_.resize(last->code + 1u);
  std::uint8_t path_count = 0;
  for (const ResourceType type : types) {
    if (type == types::kGroup) continue;
    for (std::string_view path : r4::row(type).compartment_paths) {
      Place place = kRoot;
      while (!path.empty()) {
        const std::string_view key = path.substr(0, path.find('.'));
        path.remove_prefix(std::min(path.size(), key.size() + 1));
        Place next = step(place, key);
        if (next == kNowhere) {
          next = static_cast<Place>(children_.size());
          children_[place].push_back({key, next});
          children_.emplace_back();
          ends_.push_back(0);
        }
        place = next;
      }
      if (ends_[place] == 0) ends_[place] = ++path_count;
      places_of_type_[type.code] |= std::uint64_t{1} << ends_[place];
    }
  }
  // Path numbers are bits and places are bytes; there are 34 paths.
  if (path_count > 63 || children_.size() > 255) std::abort();
}

}  // namespace sluice::fhir
