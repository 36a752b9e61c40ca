// Whether a resource matches a compiled query.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "json/json_tokens.h"
#include "search/query.h"
#include "search/watch.h"

namespace sluice::search {

/// Holds the buffers of the evaluation: use one for each thread. After the first resources it
/// allocates nothing for any query, as long as resources do not grow.
class Matcher {
 public:
  /// `watch` is asked during every comparison.
  explicit Matcher(Watch watch = {});
  ~Matcher();
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;

  /// `resource`: a stored line, valid JSON without duplicate members, of the query's type. kCorrupt
  /// when it is not; kInternal for a query that still needs a resolver; errors of the watch.
  Result<bool> matches(const Query& query, std::string_view resource);
  /// Whether one of the queries matches (several filters of one type). The text is read once. False
  /// for no queries.
  Result<bool> matches_any(std::span<const Query> queries, std::string_view resource);
  /// The same of a resource whose tokens are known.
  Result<bool> matches_any(std::span<const Query> queries, const fhir::JsonTokens& resource);

 private:
  template <class Tokens>
  Result<bool> matches_tokens(std::span<const Query> queries, Tokens tokens_of);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::search
