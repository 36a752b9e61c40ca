#include "rest/entry_matches.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/sort_unique.h"
#include "search/canonical_query.h"

namespace sluice::rest {

Result<std::size_t> EntryMatches::add(fhir::ResourceType type, std::string_view text) {
  const auto known = known_.find({type, std::string(text)});
  if (known != known_.end()) return known->second;
  SLUICE_ASSIGN_OR_RETURN(std::string canonical, search::canonical_query(text));
  const auto same = known_.find({type, canonical});
  if (same != known_.end()) return same->second;
  SLUICE_ASSIGN_OR_RETURN(auto query, search::Query::compile(type, text, {.base_url = base_url_}));
  // What is sent again mostly has the same spelling.
  known_.emplace(std::pair(type, std::string(text)), queries_.size());
  known_.emplace(std::pair(type, std::move(canonical)), queries_.size());
  cost_ += query.cost();
  queries_.push_back(std::move(query));
  SLUICE_RETURN_IF_ERROR(check_cost());
  return queries_.size() - 1;
}

Result<void> EntryMatches::check_cost() const {
  const auto too_many = [](std::size_t max, std::string_view what) {
    return Error{ErrorKind::kTooLarge,
                 fmt::format("the conditions and conditional references of a transaction are more "
                             "than {} {}",
                             max, what)};
  };
  if (queries_.size() > kConditionsMax) return too_many(kConditionsMax, "different ones");
  if (cost_.values > search::kQueryValuesMax) return too_many(search::kQueryValuesMax, "values");
  if (cost_.chains > search::kQueryChainsMax)
    return too_many(search::kQueryChainsMax, "chained parameters and _has, each type counted");
  return {};
}

void EntryMatches::look_for(fhir::ResourceType type, std::size_t ids) {
  std::size_t& limit = limits_[type];
  limit = std::max(limit, ids);
}

Result<void> EntryMatches::find() {
  if (matches_.empty() && !queries_.empty()) {
    matches_.resize(queries_.size());
    std::map<fhir::ResourceType, std::vector<std::size_t>> of_type;
    for (std::size_t i = 0; i < queries_.size(); ++i) of_type[queries_[i].type()].push_back(i);
    for (const auto& [type, numbers] : of_type) {
      std::vector<search::Query> queries;
      for (const std::size_t number : numbers) queries.push_back(queries_[number]);
      SLUICE_ASSIGN_OR_RETURN(
          auto found, query::Matches::find_each(store_for_(type), queries,
                                                std::max<std::size_t>(2, limits_[type]), bounds_));
      for (std::size_t i = 0; i < numbers.size(); ++i) matches_[numbers[i]] = std::move(found[i]);
    }
  }
  // Those that were found first have waited for the last.
  std::map<std::pair<fhir::ResourceType, store::Sequence>, std::vector<query::Matches*>> together;
  for (auto& matches : matches_) together[{matches->type(), matches->as_of()}].push_back(&*matches);
  for (const auto& [of, matches] : together)
    SLUICE_RETURN_IF_ERROR(query::Matches::catch_up_each(matches));
  return {};
}

std::vector<store::Unchanged> EntryMatches::conditions() const {
  // As of one sequence they are one condition: the store reads its change log once for it.
  std::map<store::Sequence, std::vector<fhir::ResourceType>> types;
  for (const auto& matches : matches_) {
    auto condition = matches->condition();
    auto& all = types[condition.since];
    all.insert(all.end(), condition.types.begin(), condition.types.end());
  }
  std::vector<store::Unchanged> conditions;
  for (auto& [since, all] : types) {
    sort_unique(all);
    conditions.push_back({since, std::move(all)});
  }
  return conditions;
}

}  // namespace sluice::rest
