// `_elements` (P-06): the root elements that were asked for.
#pragma once

#include <memory>

#include "bulk/export/shard/record_transform.h"
#include "fhir/elements.h"

namespace sluice::bulk {

std::unique_ptr<RecordTransform> make_elements_transform(const fhir::ElementsSelection& selection);

}  // namespace sluice::bulk
