// The `deleted` files of an export with `_since` (M-04): resources that the change log shows as
// deleted or moved out of the export's scope, in transaction Bundles.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "bulk/export/request/export_scope.h"
#include "bulk/export/shard/block_finder.h"
#include "bulk/export/shard/former_scope.h"
#include "bulk/export/shard/ndjson_files.h"
#include "bulk/export/shard/supporting_references.h"
#include "query/bounds.h"
#include "search/matcher.h"
#include "store/store.h"

namespace sluice::bulk {

/// Finds them. A resource counts when a version that existed at `_since` or later belonged to the
/// export, and its state after the last change in the window does not. Not thread-safe.
class Deletions {
 public:
  /// Called with every change read and the bytes it counts as.
  using Step = std::function<Result<void>(std::uint64_t)>;

  Deletions(const store::Store& store, const PreparedExport& prepared, MessageFiles& messages,
            Step step, query::Bounds bounds);

  /// What has left the compartments (at system level: everything); part `part` of `parts`.
  Result<void> write_part(unsigned part, unsigned parts);
  /// What has left the supporting resources that resources of the export refer to.
  Result<void> write_supporting(const ClosedReferences& referred);

 private:
  /// A resource that may have belonged to the export, by the change log.
  struct Candidate {
    store::Sequence last;  ///< of its changes
    bool is_removed = false;
    bool had = false;  ///< it belonged to the export, judging by owners and references
    std::string owner;
  };
  using Candidates = std::map<std::pair<fhir::ResourceType, std::string>, Candidate>;
  using Entry = Candidates::value_type;
  /// Whether a change ended what belonged to the export, filters apart.
  using Ended = std::function<Result<bool>(const store::Change&)>;

  Result<void> begin();
  Result<bool> covered_owners(const store::Change& change);
  bool must_be_read(fhir::ResourceType type) const;
  bool may_be_exported(std::string_view group_id) const;
  bool is_supporting(fhir::ResourceType type, std::string_view owner) const;
  /// `may_have_come`: what may have belonged to the export although no change's owners show it.
  template <class Concerns, class MayHaveCome>
  Result<Candidates> collect(Concerns concerns, const Ended& ended, MayHaveCome may_have_come);
  /// Those of the candidates that have left: the supporting ones, or the others (nullptr).
  Result<void> write(const Candidates& candidates, const ClosedReferences* referred);
  Result<Answer> has_left(const Entry& entry, bool is_referred);
  Result<Answer> has_left_references(const Entry& entry);
  Result<Answer> passes_now(const Entry& entry);
  Result<void> tell_of_upgrade();
  Result<void> write_outcome(std::string_view why);

  const store::Store& store_;
  const PreparedExport& prepared_;
  const ExportRequest& request_;
  MessageFiles& messages_;
  const Step step_;
  const ExportScope scope_;
  const query::Bounds bounds_;
  search::Matcher matcher_{[check = query::BoundsCheck(bounds_)] { return check.look(); }};
  std::optional<BlockFinder> blocks_;  // when only what belongs to a block is exported
  ChangeWindow window_;
  std::optional<FormerScope> former_;
};

}  // namespace sluice::bulk
