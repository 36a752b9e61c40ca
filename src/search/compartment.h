// The compartments of practitioners and devices as R4's CompartmentDefinitions state them: by
// reference parameters. The store does not index these two; the owners of a resource must be read
// from it (search/reference_reader.h).
#pragma once

#include <span>
#include <string_view>

#include "fhir/resource_type.h"

namespace sluice::search {

/// The parameters of `type` whose references put a resource into a compartment. Empty when none do,
/// and for all types of the patient compartment except Group, whose owners the store keeps. Views
/// live as long as the program.
std::span<const std::string_view> compartment_parameters(fhir::ResourceType subject,
                                                         fhir::ResourceType type);

/// Whether resources of `type` can be in the compartment of a Patient, Practitioner or Device.
bool is_in_compartment(fhir::ResourceType subject, fhir::ResourceType type);

}  // namespace sluice::search
