#include "query/matches.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/sort_unique.h"
#include "query/find.h"
#include "search/query_set.h"

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
  SLUICE_RETURN_IF_ERROR(search_each({&matches}, store.last_commit().sequence));
  // The search may have taken long.
  SLUICE_RETURN_IF_ERROR(matches.catch_up());
  return matches;
}

Result<std::vector<Matches>> Matches::find_each(const store::Store& store,
                                                const std::vector<search::Query>& queries,
                                                std::size_t limit, const Bounds& bounds) {
  std::vector<Matches> all;
  all.reserve(queries.size());
  for (const auto& query : queries) all.push_back(Matches(store, query, limit, bounds));
  std::vector<Matches*> each;
  each.reserve(all.size());
  for (auto& matches : all) each.push_back(&matches);
  SLUICE_RETURN_IF_ERROR(search_each(each, store.last_commit().sequence));
  SLUICE_RETURN_IF_ERROR(catch_up_each(each));
  return all;
}

Result<void> Matches::search_each(const std::vector<Matches*>& all, store::Sequence as_of) {
  if (all.empty()) return {};
  const Matches& first = *all.front();
  std::vector<search::Query> resolved;
  search::IdBudget budget(kSearchIdsMax);
  for (Matches* const matches : all) {
    SLUICE_ASSIGN_OR_RETURN(matches->resolved_,
                            resolve(*first.store_, matches->query_, as_of, first.bounds_, budget));
    resolved.push_back(matches->resolved_);
  }
  SLUICE_ASSIGN_OR_RETURN(
      auto ids, find_ids_of_each(*first.store_, resolved, as_of, first.limit_, first.bounds_));
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i]->ids_ = std::move(ids[i]);
    std::sort(all[i]->ids_.begin(), all[i]->ids_.end());
    all[i]->as_of_ = as_of;
  }
  return {};
}

Result<Matches::Changes> Matches::changes_up_to(store::Sequence to) const {
  Changes changes;
  SLUICE_ASSIGN_OR_RETURN(const auto scan, store_->changes_with_hidden(as_of_, to));
  BoundsCheck check(bounds_);
  store::Change change;
  while (true) {
    SLUICE_RETURN_IF_ERROR(check.step());
    SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(change));
    if (!more) break;
    changes.types.insert(change.type);
    if (change.type != query_.type() || changes.are_too_many) continue;
    changes.ids.emplace_back(change.id);
    changes.are_too_many = changes.ids.size() > kChangesMax;
  }
  sort_unique(changes.ids);
  return changes;
}

Result<void> Matches::catch_up() {
  return catch_up_each({this});
}

Result<void> Matches::catch_up_each(const std::vector<Matches*>& all) {
  if (all.empty()) return {};
  const Matches& first = *all.front();
  const store::Sequence newest = first.store_->last_commit().sequence;
  if (newest == first.as_of_) return {};
  SLUICE_ASSIGN_OR_RETURN(const auto changes, first.changes_up_to(newest));
  std::vector<Matches*> searching;
  std::vector<Matches*> applying;
  for (Matches* const matches : all) {
    const auto& others = matches->query_.other_types();
    const bool is_decided_by_others =
        std::any_of(others.begin(), others.end(),
                    [&](fhir::ResourceType type) { return changes.types.contains(type); });
    (changes.are_too_many || is_decided_by_others ? searching : applying).push_back(matches);
  }
  SLUICE_RETURN_IF_ERROR(apply(applying, changes.ids, newest, searching));
  return search_each(searching, newest);
}

Result<void> Matches::apply(const std::vector<Matches*>& all,
                            const std::vector<std::string>& changed, store::Sequence newest,
                            std::vector<Matches*>& searching) {
  if (all.empty()) return {};
  const Matches& first = *all.front();
  std::vector<search::Query> queries;
  std::unordered_map<std::string, std::vector<std::size_t>> holders;  // who had an id
  std::vector<bool> may_have_more;
  std::vector<bool> is_unknown(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    queries.push_back(all[i]->resolved_);
    for (const auto& id : all[i]->ids_) holders[id].push_back(i);
    may_have_more.push_back(all[i]->ids_.size() >= first.limit_);
    all[i]->as_of_ = newest;
  }
  BoundsCheck check(first.bounds_);
  search::QuerySet set(std::move(queries), [&] { return check.look(); });
  const std::vector<std::size_t> none;
  for (const std::string& id : changed) {
    SLUICE_RETURN_IF_ERROR(check.step());
    SLUICE_ASSIGN_OR_RETURN(const auto record,
                            first.store_->read({first.query_.type(), id}, newest));
    const std::vector<std::size_t>* matching = &none;
    if (record) {
      check.note_size(record->json.size());
      SLUICE_ASSIGN_OR_RETURN(matching, set.matching(record->json));
    }
    for (const std::size_t i : *matching) {
      auto& ids = all[i]->ids_;
      const auto place = std::lower_bound(ids.begin(), ids.end(), id);
      if (place != ids.end() && *place == id) continue;
      if (ids.size() < first.limit_)
        ids.insert(place, id);
      else
        may_have_more[i] = true;
    }
    const auto known = holders.find(id);
    if (known == holders.end()) continue;
    for (const std::size_t i : known->second) {
      if (std::binary_search(matching->begin(), matching->end(), i)) continue;
      auto& ids = all[i]->ids_;
      ids.erase(std::lower_bound(ids.begin(), ids.end(), id));
      // Others were not looked for.
      is_unknown[i] = is_unknown[i] || may_have_more[i];
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    if (is_unknown[i]) searching.push_back(all[i]);
  return {};
}

store::Unchanged Matches::condition() const {
  store::Unchanged condition{as_of_, query_.other_types()};
  condition.types.push_back(query_.type());
  return condition;
}

}  // namespace sluice::query
