#include "search/compartment.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "compartment_table.h"

namespace sluice::search {
namespace {

using Compartments =
    std::map<std::pair<fhir::ResourceType, fhir::ResourceType>, std::vector<std::string_view>>;

fhir::ResourceType known(std::string_view name) {
  const auto type = fhir::find_resource_type(name);
  if (!type) std::abort();
  return *type;
}

Compartments read_table() {
  Compartments compartments;
  for (const CompartmentRow& row : kCompartmentRows) {
    auto& parameters = compartments[{known(row.compartment), known(row.type)}];
    std::string_view rest = row.parameters;
    while (!rest.empty()) {
      parameters.push_back(rest.substr(0, rest.find(',')));
      rest.remove_prefix(std::min(rest.size(), parameters.back().size() + 1));
    }
  }
  return compartments;
}

}  // namespace

std::span<const std::string_view> compartment_parameters(fhir::ResourceType subject,
                                                         fhir::ResourceType type) {
  static const Compartments compartments = read_table();
  const auto found = compartments.find({subject, type});
  return found == compartments.end() ? std::span<const std::string_view>() : found->second;
}

bool is_in_compartment(fhir::ResourceType subject, fhir::ResourceType type) {
  return subject == fhir::types::kPatient ? fhir::is_in_patient_compartment(type)
                                          : !compartment_parameters(subject, type).empty();
}

}  // namespace sluice::search
