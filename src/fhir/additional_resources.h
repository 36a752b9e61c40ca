// Additional resources: types that are stored like those of R4, but which other guides define.
#pragma once

#include "fhir/resource_type.h"

namespace sluice::fhir {

/// Whether the type is none of R4 but of another guide: SQL on FHIR's ViewDefinition. R4's readers
/// do not know it, so that an export has it only when it is named.
bool is_additional_resource(ResourceType type);

namespace types {
extern const ResourceType kViewDefinition;
}  // namespace types

}  // namespace sluice::fhir
