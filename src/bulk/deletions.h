// The deleted files of an export with `_since` (M-04): what the change log says was deleted, as far
// as it was within the request's reach, in transaction Bundles.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "bulk/access_limits.h"
#include "bulk/export_request.h"
#include "bulk/export_writer.h"
#include "bulk/roster.h"
#include "bulk/supporting_references.h"
#include "store/store.h"

namespace sluice::bulk {

/// Sequences: the changes of an export with `_since` and `_until` are `after` < sequence <=
/// `up_to`.
struct ChangeWindow {
  store::Sequence after;
  store::Sequence up_to;
};
Result<ChangeWindow> change_window(const store::Store& store, const ExportRequest& request,
                                   const store::Commit& snapshot);

/// Calls `visit` with every change after `_since`, as of the snapshot, that left a resource there;
/// `step` with the bytes that each change read counts as.
Result<void> each_put_since(const store::Store& store, const ExportRequest& request,
                            const store::Commit& snapshot,
                            const std::function<Result<void>(std::uint64_t)>& step,
                            const std::function<void(const store::Change&)>& visit);

/// The part of so many that looks after a change's resource.
unsigned part_of(const store::Change& change, unsigned parts);

/// So many parts keep the memory of each below a few hundred MB, whatever was deleted.
unsigned deletion_parts(std::uint64_t changes);

/// What finds the deletions of an export. A resource counts when the last of its changes in the
/// window is a removal, so one that came back is in the output only. One thread.
class Deletions {
 public:
  /// Called with every change read and the bytes it counts as.
  using Step = std::function<Result<void>(std::uint64_t)>;

  Deletions(const store::Store& store, const ExportRequest& request, const Roster* roster,
            const store::Commit& snapshot, ExportWriter& writer, Step step)
      : store_(store),
        request_(request),
        roster_(roster),
        snapshot_(snapshot),
        writer_(writer),
        step_(std::move(step)) {}

  /// Deleted resources of the compartments (at system level: all), by the owners they had when they
  /// were deleted; those of one part of so many.
  Result<void> write_part(unsigned part, unsigned parts);
  /// Deleted ones among the supporting resources that resources of the export refer to.
  Result<void> write_supporting(const ReferencesByType& referred);

 private:
  bool covers(const store::Change& change) const;
  template <class Wanted>
  Result<void> write_where(Wanted wanted);
  Result<bool> was_seen(const AccessFilters& access, fhir::ResourceType type, const std::string& id,
                        store::Sequence removed);

  const store::Store& store_;
  const ExportRequest& request_;
  const Roster* roster_;
  const store::Commit& snapshot_;
  ExportWriter& writer_;
  const Step step_;
  search::Matcher matcher_;
  bool left_some_out_ = false;  // for want of the version before the deletion
};

}  // namespace sluice::bulk
