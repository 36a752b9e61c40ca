// Which Provenances belong to an export (P-08): those with a target that does, although most are in
// no compartment.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/export_scope.h"
#include "bulk/export/shard/record_source.h"
#include "bulk/export/shard/sorted_runs.h"
#include "bulk/export/shard/supporting_references.h"
#include "fhir/reference_walk.h"
#include "output/file_store.h"
#include "query/bounds.h"
#include "search/matcher.h"
#include "store/store.h"

namespace sluice::bulk {

/// Looks for the Provenances of resources of the first phase while they are read. Not thread-safe.
class ProvenanceCollector {
 public:
  ProvenanceCollector(const store::Store& store, store::Sequence as_of)
      : finder_(store.provenance_finder(as_of)) {}

  /// What comes next is of this type, and is all of it that the patients have.
  void begin(fhir::ResourceType type) { types_.push_back(type); }
  Result<void> look_at(std::string_view id) { return finder_->find(types_.back(), id, ids_); }

  const std::vector<fhir::ResourceType>& types() const { return types_; }
  /// Keeps what was found, each id once.
  Result<InternalLines> keep(output::FileStore& files, std::string_view job_id,
                             std::string_view stem);

 private:
  const std::unique_ptr<store::ProvenanceFinder> finder_;
  std::vector<fhir::ResourceType> types_;
  std::vector<std::string> ids_;
};

/// The ids of Provenances that shards of the first phase found while reading.
struct FoundProvenances {
  std::set<fhir::ResourceType> of;  ///< the types whose targets they looked up
  std::vector<InternalLines> lines;
};

/// The sorted ids of all Provenances that can belong to a Patient or Group export, and perhaps of
/// others: those of resources of the patients of the set, of the groups and of the supporting
/// resources of the export. Does not search again for `found`. Calls `step` for each resource with
/// its size; an error of `step` stops it.
Result<std::vector<std::string>> provenances_in_scope(
    const store::Store& store, output::FileStore& files, std::string_view job_id,
    const PreparedExport& prepared, const ClosedReferences& referred, const FoundProvenances& found,
    const std::function<Result<void>(std::uint64_t)>& step);

/// The runs of `LatestProvenanceResources`.
inline constexpr std::string_view kCandidateRuns = "candidate";
inline constexpr std::string_view kChosenRuns = "chosen";

/// Decides about one Provenance after the other. Not thread-safe.
class ProvenanceSelector {
 public:
  /// `referred`: the supporting resources that the export has; nullptr at system level.
  ProvenanceSelector(const store::Store& store, const PreparedExport& prepared,
                     const ClosedReferences* referred, const query::Bounds& bounds);

  /// Whether a Provenance is exported, by its owners and all its targets; nullopt if not.
  Result<std::optional<AgeRule>> choose(std::string_view owners, std::string_view json);
  /// Adds a line for each of the targets of a Provenance that the export has.
  Result<void> add_candidates(Instant last_updated, std::string_view provenance,
                              std::string_view json, RunWriter& runs);

 private:
  using Target = std::optional<AgeRule>;  // nullopt: it does not belong to the export
  Result<Target> look_at(const fhir::ResourceId& target);
  Result<Target> read(const fhir::ResourceId& target);

  const store::Store& store_;
  const PreparedExport& prepared_;
  const ExportRequest& request_;
  const ClosedReferences* referred_;
  const ExportScope scope_;
  fhir::ReferenceWalk walk_;
  search::Matcher matcher_;
  // Recent results by target: neighbours often have the same.
  std::unordered_map<std::string, Target> known_;
};

/// A line of kCandidateRuns. Of one target's lines, the newest Provenance comes first.
struct Candidate {
  std::string_view target;
  std::string_view id;  ///< of the Provenance
  AgeRule rule = AgeRule::kOwn;
};
std::optional<Candidate> parse_candidate(std::string_view line);

/// A line of kChosenRuns: a Provenance by its id. Of one id's lines that with the widest rule comes
/// first.
std::string chosen_line(const Candidate& candidate);
struct Chosen {
  std::string_view id;
  AgeRule rule = AgeRule::kOwn;
};
std::optional<Chosen> parse_chosen(std::string_view line);

}  // namespace sluice::bulk
