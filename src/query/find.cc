#include "query/find.h"

#include <limits>
#include <utility>

#include "query/store_resolver.h"
#include "query/walk.h"
#include "search/query_set.h"

namespace sluice::query {

Result<search::Query> resolve(const store::Store& store, const search::Query& query,
                              store::Sequence as_of, const Bounds& bounds) {
  search::IdBudget budget(kSearchIdsMax);
  return resolve(store, query, as_of, bounds, budget);
}

Result<search::Query> resolve(const store::Store& store, const search::Query& query,
                              store::Sequence as_of, const Bounds& bounds,
                              search::IdBudget& budget) {
  StoreResolver resolver(store, as_of, bounds);
  return query.resolved(resolver, budget);
}

Result<search::Query> prepare(const store::Store& store, fhir::ResourceType type,
                              const search::Parameters& parameters, std::string_view base_url,
                              const store::Commit& as_of, const Bounds& bounds) {
  SLUICE_ASSIGN_OR_RETURN(
      const auto query,
      search::Query::compile(type, parameters,
                             {.base_url = std::string(base_url), .now = as_of.instant}));
  return resolve(store, query, as_of.sequence, bounds);
}

namespace {

/// Calls `take` for the first `limit` matches.
template <class Take>
Result<void> each_match(const store::Store& store, const search::Query& query,
                        store::Sequence as_of, std::uint64_t limit, const Bounds& bounds,
                        Take&& take) {
  Walk walk(store, query, as_of, bounds);
  store::RecordView record;
  for (std::uint64_t n = 0; n < limit; ++n) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, walk.next(record));
    if (!more) break;
    take(record);
  }
  return {};
}

}  // namespace

Result<std::vector<store::Record>> find(const store::Store& store, const search::Query& query,
                                        store::Sequence as_of, std::size_t limit,
                                        const Bounds& bounds) {
  std::vector<store::Record> found;
  SLUICE_RETURN_IF_ERROR(each_match(store, query, as_of, limit, bounds,
                                    [&](const auto& record) { found.push_back(copy_of(record)); }));
  return found;
}

Result<std::vector<std::string>> find_ids(const store::Store& store, const search::Query& query,
                                          store::Sequence as_of, std::size_t limit,
                                          const Bounds& bounds) {
  std::vector<std::string> found;
  SLUICE_RETURN_IF_ERROR(each_match(store, query, as_of, limit, bounds,
                                    [&](const auto& record) { found.emplace_back(record.id); }));
  return found;
}

Result<std::vector<std::vector<std::string>>> find_ids_of_each(
    const store::Store& store, std::span<const search::Query> queries, store::Sequence as_of,
    std::size_t limit, const Bounds& bounds) {
  std::vector<std::vector<std::string>> found(queries.size());
  std::vector<std::size_t> scanning;  // the queries that need every resource
  std::vector<search::Query> scanned;
  BoundsCheck check(bounds);
  for (std::size_t i = 0; i < queries.size(); ++i) {
    SLUICE_RETURN_IF_ERROR(check.look());
    if (queries[i].ids() || queries[i].patients()) {
      SLUICE_ASSIGN_OR_RETURN(found[i], find_ids(store, queries[i], as_of, limit, bounds));
    } else if (limit > 0) {
      scanning.push_back(i);
      scanned.push_back(queries[i]);
    }
  }
  if (scanning.empty()) return found;
  const auto type = queries[scanning.front()].type();
  SLUICE_ASSIGN_OR_RETURN(const auto scan, store.scan(store::whole_type(type), as_of));
  search::QuerySet set(std::move(scanned), [&] { return check.look(); });
  store::RecordView record;
  while (!set.empty()) {
    SLUICE_RETURN_IF_ERROR(check.step());
    SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
    if (!more) break;
    if (record.is_link) continue;
    check.note_size(record.json.size());
    SLUICE_ASSIGN_OR_RETURN(const auto* const matching, set.matching(record.json));
    for (const std::size_t number : *matching) {
      auto& ids = found[scanning[number]];
      ids.emplace_back(record.id);
      if (ids.size() == limit) set.drop(number);
    }
  }
  return found;
}

Result<std::uint64_t> count(const store::Store& store, const search::Query& query,
                            store::Sequence as_of, const Bounds& bounds) {
  std::uint64_t total = 0;
  SLUICE_RETURN_IF_ERROR(each_match(store, query, as_of, std::numeric_limits<std::uint64_t>::max(),
                                    bounds, [&](const auto&) { ++total; }));
  return total;
}

}  // namespace sluice::query
