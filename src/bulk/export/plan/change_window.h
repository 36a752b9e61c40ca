// The changes that an export with `_since` reads, and their division into parts.
#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "store/store.h"

namespace sluice::bulk {

/// The weight of reading a change, in bytes.
inline constexpr std::uint64_t kChangeBytes = 64;

/// Sequences: the changes of an export with `_since` and `_until` are `after` < sequence <=
/// `up_to`.
struct ChangeWindow {
  store::Sequence after;
  store::Sequence up_to;
};

Result<ChangeWindow> change_window(const store::Store& store, const ExportRequest& request,
                                   const store::Commit& snapshot);

/// Calls `visit` for every change after `_since`, as of the snapshot, that stored a resource;
/// `step` with the weight of each change in bytes.
Result<void> each_put_since(const store::Store& store, const ExportRequest& request,
                            const store::Commit& snapshot,
                            const std::function<Result<void>(std::uint64_t)>& step,
                            const std::function<void(const store::Change&)>& visit);

/// Which of `parts` handles the resource of a change.
unsigned part_of(const store::Change& change, unsigned parts);

/// The number of parts that keeps the memory of each below a few hundred MB. `reads`: changed
/// resources are read too, not only deletions.
unsigned deletion_parts(std::uint64_t changes, bool reads);

}  // namespace sluice::bulk
