// Bundles as a source of resources for loading: collection, transaction, batch, searchset, history
// ... any Bundle whose entries carry resources.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"

namespace sluice::fhir {

/// One entry to load.
struct BundleEntry {
  enum class Kind : std::uint8_t {
    kPut,           ///< the resource as it is
    kCreateIfNone,  ///< request.ifNoneExist: unless something matches `condition`
    kUpdateFound,   ///< PUT with a search: in place of what matches `condition`
    kDelete,        ///< a history whose newest version of a resource is its deletion
    kProblem,       ///< not to be loaded
  };

  std::size_t index = 0;  ///< position in Bundle.entry, from 0
  Kind kind = Kind::kPut;
  std::string json;           ///< the resource, its links replaced
  std::string id_if_missing;  ///< from fullUrl when the resource has no id
  std::string condition;      ///< "Organization?identifier=a|b"
  ResourceId deleted = {};
  std::string problem;  ///< names the rule
  /// Links in `json` to entries whose id their conditions decide: what stands there, and the
  /// condition.
  std::vector<std::pair<std::string, std::string>> links;
};

struct BundleContent {
  std::vector<BundleEntry> entries;
  std::size_t older_versions = 0;  ///< of resources that are among the entries: left out
};

/// Takes a Bundle apart. Links (references, Attachment.url and the like, the narrative's) to
/// another entry become "Type/id": when they are its fullUrl, or "Type/id" below the same server as
/// their own entry's fullUrl. Of several versions of one resource the newest is given: the first in
/// a history, else that with the highest meta.versionId, else the last. Left out are entries
/// without a resource and those that a search calls an outcome. kInvalid when the text is not a
/// Bundle, an entry is not an object, two entries share a fullUrl with different resources, or an
/// entry of what is no history has request.method DELETE or PATCH (a load adds, it does not take
/// away); the message names the entry's index. In a batch such an entry is a problem of its own.
/// Numbers keep their digits.
Result<BundleContent> read_bundle(std::string_view json);

}  // namespace sluice::fhir
