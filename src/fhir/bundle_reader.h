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
    kDelete,        ///< of a history: the newest version of a resource is its deletion
    kProblem,       ///< not to be loaded
  };

  std::size_t index = 0;  ///< position in Bundle.entry, from 0
  Kind kind = Kind::kPut;
  std::string json;           ///< the resource, its links replaced
  std::string id_if_missing;  ///< from fullUrl when the resource has no id
  std::string condition;      ///< "Organization?identifier=a|b"
  ResourceId deleted = {};
  std::string problem;  ///< names the rule
  /// Links in `json` to entries whose id their conditions decide: the text of the link, and the
  /// condition.
  std::vector<std::pair<std::string, std::string>> links;
};

struct BundleContent {
  std::vector<BundleEntry> entries;
  std::size_t older_versions = 0;  ///< of resources that are among the entries: left out
};

/// Reads the entries of a Bundle. Links (references, Attachment.url and similar, of the narrative)
/// to another entry become "Type/id": if they are its fullUrl, or "Type/id" on the same server as
/// their own entry's fullUrl. Returns the newest of several versions of a resource: the first in a
/// history, else the one with the highest meta.versionId, else the last. Skips entries without a
/// resource, and outcomes of a search. kInvalid when the text is not a Bundle, an entry is not an
/// object, two entries share a fullUrl with different resources, or an entry outside of a history
/// has request.method DELETE or PATCH (a load only adds); the message names the entry's index. In a
/// batch such an entry is a problem of its own.
/// Numbers keep their digits.
Result<BundleContent> read_bundle(std::string_view json);

}  // namespace sluice::fhir
