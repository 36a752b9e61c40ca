#include "query/matches.h"

#include <algorithm>
#include <utility>

#include "base/sort_unique.h"
#include "query/find.h"
#include "search/matcher.h"

namespace sluice::query {
namespace {

// More changes than that, and a search of its own costs less.
constexpr std::size_t kChangesMax = 10'000;

}  // namespace

Matches::Matches(const store::Store& store, search::Query query, std::size_t limit, Bounds bounds)
    : store_(&store),
      query_(query),
      resolved_(std::move(query)),
      limit_(limit),
      bounds_(std::move(bounds)) {}

Result<Matches> Matches::find(const store::Store& store, search::Query query, std::size_t limit,
                              Bounds bounds) {
  Matches matches(store, std::move(query), limit, std::move(bounds));
  SLUICE_CHECK(matches.search(store.last_commit().sequence));
  // The search may have taken long.
  SLUICE_CHECK(matches.catch_up());
  return matches;
}

Result<std::vector<Matches>> Matches::find_each(const store::Store& store,
                                                const std::vector<search::Query>& queries,
                                                std::size_t limit, const Bounds& bounds) {
  const store::Sequence as_of = store.last_commit().sequence;
  std::vector<Matches> all;
  std::vector<search::Query> resolved;
  for (const auto& query : queries) {
    all.push_back(Matches(store, query, limit, bounds));
    SLUICE_TRY(all.back().resolved_, resolve(store, query, as_of, bounds));
    resolved.push_back(all.back().resolved_);
  }
  SLUICE_TRY(auto ids, find_ids_of_each(store, resolved, as_of, limit, bounds));
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].ids_ = std::move(ids[i]);
    std::sort(all[i].ids_.begin(), all[i].ids_.end());
    all[i].as_of_ = as_of;
    SLUICE_CHECK(all[i].catch_up());
  }
  return all;
}

Result<void> Matches::search(store::Sequence as_of) {
  SLUICE_TRY(resolved_, resolve(*store_, query_, as_of, bounds_));
  SLUICE_TRY(ids_, find_ids(*store_, resolved_, as_of, limit_, bounds_));
  std::sort(ids_.begin(), ids_.end());
  as_of_ = as_of;
  return {};
}

Result<bool> Matches::can_apply(store::Sequence to, std::vector<std::string>& changed) const {
  const auto& others = query_.other_types();
  SLUICE_TRY(const auto scan, store_->changes_with_hidden(as_of_, to));
  store::Change change;
  while (true) {
    SLUICE_TRY(const bool more, scan->next(change));
    if (!more) break;
    if (std::binary_search(others.begin(), others.end(), change.type)) return false;
    if (change.type != query_.type()) continue;
    changed.emplace_back(change.id);
    if (changed.size() > kChangesMax) return false;
  }
  sort_unique(changed);
  return true;
}

Result<void> Matches::catch_up() {
  const store::Sequence newest = store_->last_commit().sequence;
  if (newest == as_of_) return {};
  std::vector<std::string> changed;
  SLUICE_TRY(const bool applicable, can_apply(newest, changed));
  if (!applicable) return search(newest);
  const bool had_more = ids_.size() >= limit_;
  search::Matcher matcher;
  for (const std::string& id : changed) {
    const auto known = std::lower_bound(ids_.begin(), ids_.end(), id);
    const bool was = known != ids_.end() && *known == id;
    SLUICE_TRY(const auto record, store_->read({query_.type(), id}, newest));
    bool is = false;
    if (record) {
      SLUICE_TRY(is, matcher.matches(resolved_, record->json));
    }
    if (was && !is) {
      // Others were not looked for.
      if (had_more) return search(newest);
      ids_.erase(known);
    } else if (is && !was && ids_.size() < limit_) {
      ids_.insert(known, id);
    }
  }
  as_of_ = newest;
  return {};
}

store::Unchanged Matches::condition() const {
  store::Unchanged condition{as_of_, query_.other_types()};
  condition.types.push_back(query_.type());
  return condition;
}

}  // namespace sluice::query
