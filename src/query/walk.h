// The resources that match a query, one after the other, as of a snapshot: the basis of searches,
// their pages and conditional interactions.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "query/bounds.h"
#include "search/matcher.h"
#include "search/query.h"
#include "store/store.h"

namespace sluice::query {

/// A position in a walk: after this resource, in the order of (owner, id). The order is the same
/// for the same query and snapshot, so that a later walk can continue from here.
struct WalkCursor {
  std::string owner = {};  ///< owner of the compartment where it was found; empty for none
  std::string id = {};     ///< empty: the beginning
  friend bool operator==(const WalkCursor&, const WalkCursor&) = default;
};

/// A match by value.
store::Record copy_of(const store::RecordView& record);

/// Reads no more than it must: with Query::ids() one point read for each, with Query::patients()
/// these patients' ranges, else the whole type. Each resource once. One thread at a time.
class Walk {
 public:
  /// `query` must be resolved. `store` must outlive the walk.
  Walk(const store::Store& store, search::Query query, store::Sequence as_of, Bounds bounds = {},
       WalkCursor after = {});
  ~Walk();
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  /// Goes to the next match; false at the end. The record is never a link and lives until the next
  /// call. Errors of the store and of the bounds; after kTimeout cursor() is still good.
  Result<bool> next(store::RecordView& record);

  /// The position after everything read so far, matching or not.
  WalkCursor cursor() const;

 private:
  Result<bool> next_by_id(store::RecordView& record);
  Result<bool> next_in_scan(store::RecordView& record);
  Result<bool> next_of_owners(store::RecordView& record);
  /// Makes a view of a resource that is read by its key, if it exists.
  Result<bool> fetch(std::string_view id, store::RecordView& record);
  bool was_met_before(const store::RecordView& record) const;

  const store::Store& store_;
  const search::Query query_;
  const store::Sequence as_of_;
  BoundsCheck check_;
  search::Matcher matcher_{[this] { return check_.look(); }};
  WalkCursor cursor_;
  WalkCursor before_;  // what is compared now
  std::unique_ptr<store::Scan> scan_;
  std::vector<std::string> keys_;  // ids or owners, sorted
  std::size_t next_key_ = 0;
  bool in_owner_ = false;  // scan_ is in the range of keys_[next_key_ - 1]
  store::Record fetched_;
};

}  // namespace sluice::query
