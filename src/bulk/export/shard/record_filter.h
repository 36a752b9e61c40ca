// Decides which records of a source are exported, by filters and time, and collects their
// references for the phase of supporting resources (G-05).
#pragma once

#include <optional>

#include "bulk/export/request/export_scope.h"
#include "bulk/export/shard/block_finder.h"
#include "bulk/export/shard/record_source.h"
#include "bulk/export/shard/shard_progress.h"
#include "bulk/export/shard/supporting_references.h"
#include "search/matcher.h"
#include "store/store.h"

namespace sluice::bulk {

/// Not thread-safe.
class RecordFilter {
 public:
  /// All must outlive it. `collects_references`: a later phase follows them.
  RecordFilter(const PreparedExport& prepared, const ExportScope& scope, bool collects_references,
               const ShardProgress& progress)
      : filters_(prepared.filters),
        scope_(scope),
        collects_references_(collects_references),
        matcher_([&progress] { return progress.look(); }) {
    if (prepared.request.sorts_blocks()) blocks_.emplace(prepared.request);
  }

  // Inline, because every record comes here.
  Result<bool> passes(const store::RecordView& record, AgeRule age) {
    const bool is_in_time = scope_.in_time(record.last_updated, age != AgeRule::kOwn);
    if (!is_in_time && !collects_references_) return false;
    auto passes = filters_.pass(matcher_, record.type, record.json);
    if (!passes || !*passes) return passes;
    if (collects_references_)
      (age == AgeRule::kOfNewMember ? references_.of_new_members : references_.ordinary)
          .add_all(record.supporting);
    return is_in_time && (!blocks_ || blocks_->may_belong(record.type, record.json));
  }
  /// References of records that passed, and of those that only their age excludes: a supporting
  /// resource that changed is exported although the record that refers to it did not.
  const FoundReferences& references() const { return references_; }

 private:
  const ExportFilters& filters_;
  const ExportScope& scope_;
  const bool collects_references_;
  std::optional<BlockFinder> blocks_;  // when only what belongs to a block is exported
  search::Matcher matcher_;
  FoundReferences references_;
};

}  // namespace sluice::bulk
