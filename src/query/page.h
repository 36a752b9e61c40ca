// One page of the matches of a query, in the order that the client chose, and the position where
// the next begins. The page bounds the memory, however much matches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "query/bounds.h"
#include "query/walk.h"
#include "search/query.h"
#include "store/store.h"

namespace sluice::query {

/// One key of _sort.
struct SortKey {
  enum class By : std::uint8_t { kId, kLastUpdated };
  By by = By::kId;
  bool descending = false;
  friend bool operator==(const SortKey&, const SortKey&) = default;
};
/// Later keys decide where earlier ones are equal. Empty: the order of the walk, the cheapest.
using Order = std::vector<SortKey>;

/// The position after this resource in the order of a page.
struct PageCursor {
  WalkCursor walk = {};           ///< the id counts in every order, the owner in the walk's
  store::Sequence sequence = {};  ///< for sorted pages: when it was written
  friend bool operator==(const PageCursor&, const PageCursor&) = default;
};

struct PageRequest {
  store::Sequence as_of;
  Order order = {};
  std::size_t count = 0;  ///< at most this many matches; at least 1
  std::optional<PageCursor> after = std::nullopt;
  std::size_t bytes_max = 0;  ///< ends a page early, but never before its first match
};

struct Page {
  std::vector<store::Record> matches;
  /// Where the next page begins; nullopt when this is the last.
  std::optional<PageCursor> next = std::nullopt;
  /// How many match in all, when that was found without looking for it.
  std::optional<std::uint64_t> total = std::nullopt;
};

/// Reads a page. Without an order its cost is that of the resources it reads; at the deadline it
/// ends early, perhaps without a match, with the position to continue from. With an order it reads
/// all matches, keeps a page's keys, and fails with kTimeout at the deadline.
Result<Page> read_page(const store::Store& store, const search::Query& query,
                       const PageRequest& request, const Bounds& bounds);

/// Where the page after `match` begins.
PageCursor cursor_after(const Order& order, const store::Record& match);

}  // namespace sluice::query
