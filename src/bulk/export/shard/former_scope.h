// What belonged to an export before it changed (M-04): whether a client may still have it.
// ExportScope decides about the current state.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "bulk/export/plan/change_window.h"
#include "bulk/export/request/export_scope.h"
#include "bulk/export/shard/block_finder.h"
#include "bulk/group/patient_set.h"
#include "query/bounds.h"
#include "search/matcher.h"
#include "store/store.h"

namespace sluice::bulk {

/// kUnknown: decided by versions that are no longer kept.
enum class Answer : std::uint8_t { kNo, kYes, kUnknown };

/// For an export with `_since`. Not thread-safe; all references must outlive it.
class FormerScope {
 public:
  FormerScope(const store::Store& store, const PreparedExport& prepared, ChangeWindow window,
              query::Bounds bounds)
      : store_(store),
        prepared_(prepared),
        request_(prepared.request),
        window_(window),
        scope_(prepared),
        bounds_(std::move(bounds)) {
    if (request_.sorts_blocks()) blocks_.emplace(request_);
  }

  /// Whether the export covered owners that a resource had until `end`, at `_since` or later.
  /// Patients who joined the group later count only if they were members before, while the resource
  /// was theirs: for others, what had left them was never exported.
  Result<bool> covers_owners(const fhir::ResourceId& key, std::string_view owners,
                             store::Sequence end);
  /// Whether covers_owners() may have returned no wrongly: a patient who was a member at `_since`,
  /// left and came back is no longer known as one.
  bool is_unsure() const { return is_unsure_; }
  /// Whether a version of the resource that existed at `_since` or later, before the change `last`,
  /// belonged to the export. `by_reference`: because something refers to it, which counts only for
  /// versions in no compartment.
  Result<Answer> had(const fhir::ResourceId& key, store::Sequence last, bool by_reference);

 private:
  Result<bool> has_version(const store::Record& record, store::Sequence end, bool by_reference);
  Result<bool> passed(fhir::ResourceType type, std::string_view json);
  Result<bool> was_of_members_until(const fhir::ResourceId& key, std::string_view owners,
                                    store::Sequence end);
  Result<bool> was_member(std::string_view patient, store::Sequence from, store::Sequence end);
  Result<void> find_group_changes();
  Result<void> resolve_filters_then();

  const store::Store& store_;
  const PreparedExport& prepared_;
  const ExportRequest& request_;
  const ChangeWindow window_;
  const ExportScope scope_;
  const query::Bounds bounds_;
  search::Matcher matcher_{[check = query::BoundsCheck(bounds_)] { return check.look(); }};
  std::optional<BlockFinder> blocks_;  // when only what belongs to a block is exported
  // Found on first use.
  std::optional<Joins> joins_;                // since when new members are members
  std::vector<store::Commit> group_changes_;  // `_since`, and each change of a Group after it
  std::map<std::pair<store::Sequence, std::string>, bool> was_member_;  // at one of these
  std::optional<ExportFilters> filters_;  // their chains resolved as of `_since`
  bool is_unsure_ = false;
  bool filters_then_are_known_ = false;  // filters_ was tried, successfully or not
};

}  // namespace sluice::bulk
