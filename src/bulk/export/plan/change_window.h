// The changes that an export with `_since` looks at, and the parts in which they are looked after.
#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "store/store.h"

namespace sluice::bulk {

/// What reading a change counts as, in bytes.
inline constexpr std::uint64_t kChangeBytes = 64;

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

/// So many parts keep the memory of each below a few hundred MB, whatever was deleted. `reads`:
/// what changed is looked at too, not only what was deleted.
unsigned deletion_parts(std::uint64_t changes, bool reads);

}  // namespace sluice::bulk
