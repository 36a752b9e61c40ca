// Searches of the store as of a snapshot: for REST, conditional references and interactions, and
// cohorts.
//
//   const auto as_of = store.last_commit();
//   SLUICE_ASSIGN_OR_RETURN(const auto query, query::prepare(store, type, parameters, base_url,
//   as_of)); SLUICE_ASSIGN_OR_RETURN(const auto found, query::find(store, query, as_of.sequence,
//   2));
//
// A write that depends on the result needs query/matches.h.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "query/bounds.h"
#include "search/query.h"
#include "store/store.h"

namespace sluice::query {

/// The most ids that the chained parameters and _has of one search find, or those of the conditions
/// on one type in a transaction: several requests search at once.
inline constexpr std::size_t kSearchIdsMax = 1'000'000;

/// The query compiled, with chained parameters and _has resolved as of the commit; its instant is
/// what the prefix `ap` is relative to. The client must be allowed to read Query::other_types(),
/// which search::Query::compile() returns before. Errors of compile() and resolved().
Result<search::Query> prepare(const store::Store& store, fhir::ResourceType type,
                              const search::Parameters& parameters, std::string_view base_url,
                              const store::Commit& as_of, const Bounds& bounds = {});
/// The same for a compiled query; returns it unchanged when there is nothing to resolve.
Result<search::Query> resolve(const store::Store& store, const search::Query& query,
                              store::Sequence as_of, const Bounds& bounds,
                              search::IdBudget& budget);
Result<search::Query> resolve(const store::Store& store, const search::Query& query,
                              store::Sequence as_of, const Bounds& bounds = {});

/// The first matches of a resolved query in the order of query::Walk, at most `limit`. Holds them
/// all: ask for few.
Result<std::vector<store::Record>> find(const store::Store& store, const search::Query& query,
                                        store::Sequence as_of, std::size_t limit,
                                        const Bounds& bounds = {});
/// The same without the resources.
Result<std::vector<std::string>> find_ids(const store::Store& store, const search::Query& query,
                                          store::Sequence as_of, std::size_t limit,
                                          const Bounds& bounds = {});
/// The ids that match each of several resolved queries on one type, at most `limit` each, in one
/// pass: used for the conditional references of a transaction.
Result<std::vector<std::vector<std::string>>> find_ids_of_each(
    const store::Store& store, std::span<const search::Query> queries, store::Sequence as_of,
    std::size_t limit, const Bounds& bounds = {});
/// How many match; reads as much as finding them all.
Result<std::uint64_t> count(const store::Store& store, const search::Query& query,
                            store::Sequence as_of, const Bounds& bounds = {});

}  // namespace sluice::query
