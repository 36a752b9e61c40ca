#include "deid/program.h"

#include <algorithm>

namespace sluice::deid {

using fhirpath::TypeId;
using fhirpath::TypeKind;

PlaceId Program::step(const Place& place, std::string_view name) const {
  const auto& edges = place.edges;
  std::size_t first = 0;
  std::size_t count = edges.size();
  // By length first: most comparisons are of numbers.
  const auto is_before = [&](const Edge& edge) {
    return edge.name.size() != name.size() ? edge.name.size() < name.size() : edge.name < name;
  };
  while (count > 0) {
    const std::size_t half = count / 2;
    if (is_before(edges[first + half])) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first < edges.size() && edges[first].name == name ? edges[first].place : place.others;
}

namespace {

/// Whether redact leaves a part of a value of this kind.
bool may_stay_in_part(const Place& place, const Parameters& parameters) {
  const auto& row = fhirpath::row_of(place.type);
  const bool is_date = row.name == "date" || row.name == "dateTime" || row.name == "instant";
  return (is_date && parameters.partial_dates) ||
         (place.part == Part::kAgeValue && parameters.partial_ages) ||
         (place.part == Part::kPostalCode && parameters.partial_zip_codes);
}

}  // namespace

void Program::finish() {
  for (Place& place : places_) {
    std::sort(place.edges.begin(), place.edges.end(), [](const Edge& a, const Edge& b) {
      return a.name.size() != b.name.size() ? a.name.size() < b.name.size() : a.name < b.name;
    });
    if (is_allow_list_) continue;
    const bool is_rule = place.rule != kNoRule;
    const Method method = is_rule ? rules_.rules[place.rule].method : Method::kKeep;
    const bool is_slot = place.part == Part::kResource;
    place.is_plain = !is_slot && method == Method::kKeep;
    place.is_gone =
        method == Method::kRedact && (is_slot || !may_stay_in_part(place, rules_.parameters));
  }
  if (is_allow_list_) return;
  // What leads to something that is not so is not so itself.
  for (bool changed = true; changed;) {
    changed = false;
    for (Place& place : places_) {
      if (place.part == Part::kResource || (!place.is_plain && !place.is_gone)) continue;
      bool plain = place.is_plain && places_[place.others].is_plain;
      bool gone = place.is_gone && places_[place.others].is_gone;
      for (const Edge& edge : place.edges) {
        plain = plain && places_[edge.place].is_plain;
        gone = gone && places_[edge.place].is_gone;
      }
      changed = changed || plain != place.is_plain || gone != place.is_gone;
      place.is_plain = plain;
      place.is_gone = gone;
    }
  }
}

}  // namespace sluice::deid
