#include "query/page.h"

#include <algorithm>
#include <utility>

namespace sluice::query {
namespace {

/// What a match is sorted by.
struct Key {
  Instant last_updated;
  store::Sequence sequence;
  std::string id;
};

class Before {
 public:
  explicit Before(const Order& order) : order_(order) {}

  bool operator()(const Key& a, const Key& b) const {
    std::optional<bool> newest_first;
    for (const SortKey& key : order_) {
      const bool by_id = key.by == SortKey::By::kId;
      const bool less = by_id ? a.id < b.id : a.last_updated < b.last_updated;
      const bool greater = by_id ? b.id < a.id : b.last_updated < a.last_updated;
      if (less || greater) return less != key.descending;
      if (!by_id) newest_first = key.descending;
    }
    // Commits of one millisecond come in their order when it is time that was asked for.
    if (newest_first && a.sequence != b.sequence) return (a.sequence < b.sequence) != *newest_first;
    return a.id < b.id;
  }

 private:
  const Order& order_;
};

/// Adds matches until the page is full.
class Filling {
 public:
  explicit Filling(const PageRequest& request) : request_(request) {}

  bool has_room_for(std::size_t bytes) const {
    return page.matches.empty() ||
           (page.matches.size() < request_.count && bytes_ + bytes <= request_.bytes_max);
  }
  void add(store::Record record) {
    bytes_ += record.json.size();
    page.matches.push_back(std::move(record));
  }

  Page page;

 private:
  const PageRequest& request_;
  std::size_t bytes_ = 0;
};

Result<Page> read_in_walk(const store::Store& store, const search::Query& query,
                          const PageRequest& request, const Bounds& bounds) {
  Filling filling(request);
  WalkCursor start;
  if (request.after) start = request.after->walk;
  Walk walk(store, query, request.as_of, bounds, start);
  store::RecordView record;
  // Of the last match that has room; what comes behind it belongs to the next page.
  WalkCursor behind_last = start;
  while (true) {
    const auto more = walk.next(record);
    if (!more) {
      if (more.error().kind != ErrorKind::kTimeout || walk.cursor() == start) return more.error();
      filling.page.next = PageCursor{walk.cursor(), {}};
      return std::move(filling.page);
    }
    if (!*more) break;
    if (!filling.has_room_for(record.json.size())) {
      filling.page.next = PageCursor{behind_last, {}};
      return std::move(filling.page);
    }
    filling.add(copy_of(record));
    behind_last = walk.cursor();
  }
  if (!request.after) filling.page.total = filling.page.matches.size();
  return std::move(filling.page);
}

Result<Page> read_sorted(const store::Store& store, const search::Query& query,
                         const PageRequest& request, const Bounds& bounds) {
  const Before before(request.order);
  std::optional<Key> start;
  if (request.after) {
    SLUICE_ASSIGN_OR_RETURN(const auto commit, store.commit_of(request.after->sequence));
    if (!commit) return invalid("a page begins behind a commit that is not there");
    start = Key{commit->instant, commit->sequence, request.after->walk.id};
  }
  // The first keys behind the start, one more than the page has; the last of them on top.
  std::vector<Key> heap;
  std::uint64_t total = 0;
  Walk walk(store, query, request.as_of, bounds);
  store::RecordView record;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, walk.next(record));
    if (!more) break;
    ++total;
    Key key{record.last_updated, record.sequence, std::string(record.id)};
    if (start && !before(*start, key)) continue;
    if (heap.size() > request.count) {
      if (!before(key, heap.front())) continue;
      std::pop_heap(heap.begin(), heap.end(), before);
      heap.pop_back();
    }
    heap.push_back(std::move(key));
    std::push_heap(heap.begin(), heap.end(), before);
  }
  std::sort_heap(heap.begin(), heap.end(), before);

  Filling filling(request);
  filling.page.total = total;
  for (const Key& key : heap) {
    SLUICE_ASSIGN_OR_RETURN(auto found, store.read({query.type(), key.id}, request.as_of));
    if (!found) return corrupt("a match that is not there");
    if (!filling.has_room_for(found->json.size())) {
      filling.page.next = cursor_after(request.order, filling.page.matches.back());
      break;
    }
    filling.add(std::move(*found));
  }
  return std::move(filling.page);
}

}  // namespace

Result<Page> read_page(const store::Store& store, const search::Query& query,
                       const PageRequest& request, const Bounds& bounds) {
  return request.order.empty() ? read_in_walk(store, query, request, bounds)
                               : read_sorted(store, query, request, bounds);
}

PageCursor cursor_after(const Order& order, const store::Record& match) {
  if (order.empty()) return {{match.owner, match.key.id}, {}};
  return {{"", match.key.id}, match.sequence};
}

}  // namespace sluice::query
