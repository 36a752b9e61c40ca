// Supporting resources of Patient and Group exports (G-05): the references that shards found, kept
// until all shards are done, then followed to the end.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/export_request.h"
#include "bulk/export/shard/reference_set.h"
#include "output/file_store.h"
#include "store/store.h"

namespace sluice::bulk {

/// What one shard found.
struct FoundReferences {
  ReferenceSet ordinary;
  /// Found in resources of patients who joined a group after `_since`: exported whatever their age,
  /// like these resources (P-13).
  ReferenceSet of_new_members;

  std::size_t size() const { return ordinary.size() + of_new_members.size(); }
};
Result<InternalLines> keep_references(output::FileStore& files, std::string_view job_id,
                                      std::string_view stem, const FoundReferences& references);

using ReferencesByType = std::map<fhir::ResourceType, std::set<std::string>>;

struct ClosedReferences {
  ReferencesByType all;
  ReferencesByType of_new_members;  ///< those of `all` to export whatever their age
  /// Also referenced, but in a patient's compartment, which exports them. With `_since` they may
  /// have been in none before.
  ReferencesByType owned;
};

/// The union of what shards found, and of what these resources reference in turn (an Organization's
/// partOf, a PractitionerRole's Practitioner), once each. May contain references to resources that
/// do not exist as of the sequence; keeps Devices of patients separate. With `_type` it follows
/// only resources of the requested types. Does not follow `known`, an earlier answer of the same
/// export, again.
Result<ClosedReferences> follow_references(output::FileStore& files, const store::Store& store,
                                           std::string_view job_id,
                                           const std::vector<InternalLines>& references,
                                           store::Sequence as_of, const ExportRequest& request,
                                           const ClosedReferences* known = nullptr);

}  // namespace sluice::bulk
