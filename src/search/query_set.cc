#include "search/query_set.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/sort_unique.h"
#include "search/criterion.h"
#include "search/evaluator.h"

namespace sluice::search {

struct QuerySet::Impl {
  /// Queries that look for keys at the same place.
  struct Group {
    std::size_t query;      // whose criterion says what the place is
    std::size_t criterion;  // its number in the query
    ValueIndex queries;
  };

  Impl(std::vector<Query> all, Watch watch)
      : queries(std::move(all)), asked(queries.size(), true), evaluator(std::move(watch)) {
    left = queries.size();
    for (std::size_t i = 0; i < queries.size(); ++i) {
      if (queries[i].needs_resolver()) needs_resolver = true;
      if (!add_to_group(i)) ungrouped.push_back(i);
    }
  }

  bool add_to_group(std::size_t number) {
    const auto& criteria = queries[number].impl_->criteria;
    const auto keyed = std::find_if(criteria.begin(), criteria.end(),
                                    [](const Criterion& c) { return c.is_keyed() && !c.negated; });
    if (keyed == criteria.end()) return false;
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& known) {
      const Criterion& other = criterion_of(known);
      return other.name == keyed->name && other.target.look == keyed->target.look;
    });
    if (group == groups.end())
      group = groups.insert(groups.end(),
                            {number, static_cast<std::size_t>(keyed - criteria.begin()), {}});
    for (const ValueTest& test : keyed->tests) {
      const auto [first, second] = keys_of(test);
      for (const std::string_view key : {first, second})
        if (!key.empty()) group->queries.add(key, static_cast<std::uint32_t>(number));
    }
    return true;
  }

  const Criterion& criterion_of(const Group& group) const {
    return queries[group.query].impl_->criteria[group.criterion];
  }

  const std::vector<Query> queries;
  std::vector<bool> asked;
  std::size_t left = 0;
  bool needs_resolver = false;
  std::vector<Group> groups;  // one for each parameter that is asked for, so few
  std::vector<std::size_t> ungrouped;

  fhir::JsonTokens tokens;
  Evaluator evaluator;
  std::vector<std::size_t> candidates;
  std::vector<std::size_t> found;
  std::size_t comparisons = 0;
};

QuerySet::QuerySet(std::vector<Query> queries, Watch watch)
    : impl_(std::make_unique<Impl>(std::move(queries), std::move(watch))) {}
QuerySet::~QuerySet() = default;
QuerySet::QuerySet(QuerySet&&) noexcept = default;
QuerySet& QuerySet::operator=(QuerySet&&) noexcept = default;

Result<const std::vector<std::size_t>*> QuerySet::matching(std::string_view resource) {
  if (!impl_->tokens.read(resource)) return corrupt("stored resource: not one JSON object");
  return matching(impl_->tokens);
}

Result<const std::vector<std::size_t>*> QuerySet::matching(const fhir::JsonTokens& resource) {
  Impl& set = *impl_;
  if (set.needs_resolver)
    return Error{ErrorKind::kInternal, "a query was used before its chains were resolved"};
  if (resource.first(0) != '{') return corrupt("stored resource: not one JSON object");
  set.evaluator.read(resource);
  set.candidates = set.ungrouped;
  for (const auto& group : set.groups)
    set.evaluator.each_key(
        *set.queries[group.query].impl_, set.criterion_of(group), [&](std::string_view key) {
          if (const auto* const numbers = group.queries.find(key))
            set.candidates.insert(set.candidates.end(), numbers->begin(), numbers->end());
        });
  sort_unique(set.candidates);
  set.found.clear();
  for (const std::size_t number : set.candidates) {
    if (!set.asked[number]) continue;
    ++set.comparisons;
    SLUICE_ASSIGN_OR_RETURN(const bool matches, set.evaluator.matches(*set.queries[number].impl_));
    if (matches) set.found.push_back(number);
  }
  return &std::as_const(set.found);
}

void QuerySet::drop(std::size_t number) {
  if (!impl_->asked[number]) return;
  impl_->asked[number] = false;
  --impl_->left;
  std::erase(impl_->ungrouped, number);
}

bool QuerySet::empty() const {
  return impl_->left == 0;
}

std::size_t QuerySet::comparisons() const {
  return impl_->comparisons;
}

}  // namespace sluice::search
