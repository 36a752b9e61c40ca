// Bundles as a source of resources for loading: collection, transaction, batch, searchset,
// document... any Bundle whose entries carry resources.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::fhir {

/// One entry's resource as JSON text, with urn:uuid references rewritten to Type/id.
struct BundleEntry {
  std::size_t index = 0;  ///< position in Bundle.entry, from 0
  std::string json;
  std::string id_if_missing;  ///< from fullUrl urn:uuid:<id> when the resource has no id
};

/// Takes a Bundle apart. Every `"reference"` value (and only those) that equals another entry's
/// fullUrl of the form urn:uuid:... or urn:oid:... becomes "Type/id" of that entry. Entries without
/// a resource are skipped. kInvalid when the text is not a Bundle, an entry is not an object, two
/// entries share a fullUrl with different resources, or an entry has request.method DELETE or PATCH
/// (a load adds, it does not take away); the message names the entry's index. Numbers keep their
/// digits.
Result<std::vector<BundleEntry>> read_bundle(std::string_view json);

}  // namespace sluice::fhir
