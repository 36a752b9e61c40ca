// Matches many queries on one type against one resource after the other. The text is read once, and
// a query for a code, an identifier or a reference costs nothing unless the resource has it, so
// that thousands of queries take little longer than one.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/json_tokens.h"
#include "search/query.h"
#include "search/watch.h"

namespace sluice::search {

/// Holds the buffers of the evaluation: one a thread.
class QuerySet {
 public:
  /// Resolved, of one type. `watch` is asked during every comparison.
  explicit QuerySet(std::vector<Query> queries, Watch watch = {});
  ~QuerySet();
  QuerySet(QuerySet&&) noexcept;
  QuerySet& operator=(QuerySet&&) noexcept;

  /// The numbers of the queries that match, ascending, until the next call. `resource` and errors
  /// as of Matcher::matches.
  Result<const std::vector<std::size_t>*> matching(std::string_view resource);
  /// The same of a resource whose tokens are known.
  Result<const std::vector<std::size_t>*> matching(const fhir::JsonTokens& resource);
  /// Removes the query.
  void drop(std::size_t number);
  bool empty() const;

  /// The number of comparisons of a query with a resource so far, which the set keeps small.
  std::size_t comparisons() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::search
