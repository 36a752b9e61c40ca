// The basis of a conditional write: the ids that match a query, updated to the newest commit
// whenever others write, and the condition by which the store refuses the write after yet another
// change (docs/decisions/0019).
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "query/bounds.h"
#include "search/query.h"
#include "store/store.h"

namespace sluice::query {

/// One thread at a time.
class Matches {
 public:
  /// Searches as of the newest commit. `query`: compiled, not resolved. Finds at most `limit` ids;
  /// 2 are enough to distinguish none, one and several.
  static Result<Matches> find(const store::Store& store, search::Query query, std::size_t limit,
                              Bounds bounds = {});

  /// The same for several queries on one type, with one pass of the store for all.
  static Result<std::vector<Matches>> find_each(const store::Store& store,
                                                const std::vector<search::Query>& queries,
                                                std::size_t limit, const Bounds& bounds = {});

  /// Sorted; `limit` of them when there may be more.
  const std::vector<std::string>& ids() const { return ids_; }
  store::Sequence as_of() const { return as_of_; }
  fhir::ResourceType type() const { return query_.type(); }
  /// The query with chains and _has resolved as of as_of().
  const search::Query& resolved() const { return resolved_; }

  /// Updates ids() to the newest commit: by the changes since, or by a new search when other types
  /// decide and one of them changed, or when one of more than `limit` no longer matches.
  Result<void> catch_up();
  /// The same for several of one type, store, limit and as_of(), with one look at what was written.
  static Result<void> catch_up_each(const std::vector<Matches*>& all);

  /// For Transaction::unchanged: nothing was written since that can change ids(). When the store
  /// returns kConflict, call catch_up() and try again; the race window is between these calls.
  store::Unchanged condition() const;

 private:
  Matches(const store::Store& store, search::Query query, std::size_t limit, Bounds bounds);
  /// What was written since as_of().
  struct Changes {
    std::vector<std::string> ids;  ///< of the query's type, sorted, unique
    std::set<fhir::ResourceType> types;
    bool are_too_many = false;  ///< a search of its own costs less; `ids` are not all
  };
  Result<Changes> changes_up_to(store::Sequence to) const;
  static Result<void> search_each(const std::vector<Matches*>& all, store::Sequence as_of);
  /// Updates them by what changed; adds those that must search again to `searching`.
  static Result<void> apply(const std::vector<Matches*>& all,
                            const std::vector<std::string>& changed, store::Sequence newest,
                            std::vector<Matches*>& searching);

  const store::Store* store_;
  search::Query query_;
  search::Query resolved_;
  std::size_t limit_;
  Bounds bounds_;
  store::Sequence as_of_;
  std::vector<std::string> ids_;
};

}  // namespace sluice::query
