// `_elements` (P-06): keeps the requested root elements.
#pragma once

#include <memory>

#include "bulk/export/shard/record_transform.h"
#include "fhir/elements.h"

namespace sluice::bulk {

std::unique_ptr<RecordTransform> make_elements_transform(const fhir::ElementsSelection& selection);

}  // namespace sluice::bulk
