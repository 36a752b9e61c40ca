// What the conditions of a transaction find: each query once, all of one type in one pass of the
// store, and held until the write.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "query/matches.h"
#include "search/query.h"
#include "store/store.h"

namespace sluice::rest {

/// The most different conditions and conditional references of one transaction.
inline constexpr std::size_t kConditionsMax = 5'000;

/// One thread at a time.
class EntryMatches {
 public:
  /// The store as searches on a type see it.
  using StoreFor = std::function<const store::Store&(fhir::ResourceType)>;
  EntryMatches(StoreFor store_for, std::string base_url, query::Bounds bounds)
      : store_for_(std::move(store_for)),
        base_url_(std::move(base_url)),
        bounds_(std::move(bounds)) {}

  /// Adds a query, or finds one of the same canonical_query(); returns its number. Errors of
  /// Query::compile; kTooLarge for more than kConditionsMax, or when all together exceed a limit of
  /// one query.
  Result<std::size_t> add(fhir::ResourceType type, std::string_view text);
  /// Finds at least this many ids for the type's queries. Call before the first find().
  void look_for(fhir::ResourceType type, std::size_t ids);

  /// Brings all to the newest commit.
  Result<void> find();

  /// Of query `number`, sorted: see query::Matches::ids.
  const std::vector<std::string>& ids(std::size_t number) const { return matches_[number]->ids(); }
  const std::vector<search::Query>& queries() const { return queries_; }
  /// Query `number` with its chains resolved as of what was found.
  const search::Query& resolved(std::size_t number) const { return matches_[number]->resolved(); }
  /// Whether query `number` was added before the first find().
  bool is_found(std::size_t number) const { return number < matches_.size(); }
  /// For Transaction::unchanged.
  std::vector<store::Unchanged> conditions() const;

 private:
  Result<void> check_cost() const;

  const StoreFor store_for_;
  const std::string base_url_;
  const query::Bounds bounds_;
  std::map<std::pair<fhir::ResourceType, std::string>, std::size_t> known_;
  std::map<fhir::ResourceType, std::size_t> limits_;
  search::QueryCost cost_;
  std::vector<search::Query> queries_;
  std::vector<std::optional<query::Matches>> matches_;  // one for each query, once found
};

}  // namespace sluice::rest
