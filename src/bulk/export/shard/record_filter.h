// Decides which records of a source are exported, by filters and time, and collects their
// references for the phase of supporting resources (G-05).
#pragma once

#include <optional>

#include "bulk/export/request/export_scope.h"
#include "bulk/export/shard/block_finder.h"
#include "bulk/export/shard/record_source.h"
#include "bulk/export/shard/supporting_references.h"
#include "search/matcher.h"
#include "store/store.h"

namespace sluice::bulk {

/// Not thread-safe.
class RecordFilter {
 public:
  /// Both must outlive it. `collects_references`: a later phase follows them.
  RecordFilter(const PreparedExport& prepared, const ExportScope& scope, bool collects_references)
      : filters_(prepared.filters), scope_(scope), collects_references_(collects_references) {
    if (prepared.request.sorts_blocks()) blocks_.emplace(prepared.request);
  }

  Result<bool> passes(const store::RecordView& record, AgeRule age);
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
