// Finding, while a resource is read, the references that put it into a patient's compartment. All
// types' paths are one tree, so that a document can be read before its type is known.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "fhir/resource_type.h"

namespace sluice::fhir {

/// Whether resources of a type can come with an export because others refer to them (G-05): the
/// types outside of the compartments and Device, of which those that have a patient are in that
/// patient's compartment and nowhere else. Never Group, Binary, Bundle.
bool may_be_supporting(ResourceType type);

/// The tree of the patient compartment's element paths ("subject", "participant.actor"). Immutable.
class CompartmentPaths {
 public:
  /// A place in the tree.
  using Place = std::uint8_t;
  static constexpr Place kNowhere = 0;
  static constexpr Place kRoot = 1;

  static const CompartmentPaths& instance();

  /// The place of member `key` of an object at `place`; kNowhere for none. Arrays do not count as
  /// steps.
  Place step(Place place, std::string_view key) const {
    for (const Child& child : children_[place]) {
      if (child.key == key) return child.place;
    }
    return kNowhere;
  }
  /// Whether a reference to a patient at `place` puts a resource of `type` into the compartment.
  /// Never for Group: its members are its content, not its owners.
  bool counts(Place place, ResourceType type) const {
    return (places_of_type_[type.code] >> ends_[place] & 1) != 0;
  }
  /// Whether some type has a path that ends at `place`.
  bool is_end(Place place) const { return ends_[place] != 0; }

 private:
  CompartmentPaths();

  struct Child {
    std::string_view key;
    Place place;
  };
  std::vector<std::vector<Child>> children_;  // by place
  std::vector<std::uint8_t> ends_;  // by place: number of the path that ends there, from 1; 0
  std::vector<std::uint64_t> places_of_type_;  // by type code: set of path numbers
};

}  // namespace sluice::fhir
