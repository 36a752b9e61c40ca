// A FHIR search compiled against the R4 parameters of one type: what _typeFilter, scopes with a
// query, member filters, conditional requests and searches share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "fhir/resource_type.h"
#include "search/resolver.h"

namespace sluice::search {

/// Name and value in order, percent-decoded: {"code:not", "http://loinc.org|8867-4"}.
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// Parses "a=b&c=d": decodes percent escapes and '+', skips a leading '?'; kInvalid for a
/// bad escape, a part without a name, more than kQueryParametersMax.
Result<Parameters> parse_query_string(std::string_view raw);

struct QueryOptions {
  std::string base_url = {};  ///< references to resources below it are our own (Q-06)
  /// What a date with the prefix ap is relative to; without it, the time of compiling.
  std::optional<Instant> now = std::nullopt;
};

/// How much there is to a query.
struct QueryCost {
  std::size_t values = 0;    ///< in lists, those of chained parameters once for each type
  std::size_t compared = 0;  ///< of these, those that are compared one by one: no ids and no codes
  std::size_t chains = 0;    ///< passes over other types, for chained parameters and _has
  QueryCost& operator+=(const QueryCost& other) {
    values += other.values;
    compared += other.compared;
    chains += other.chains;
    return *this;
  }
};
/// The most of each in one query. Lists of ids are long in honest use; to compare a resource with a
/// thousand texts takes as long as to read it a hundred times.
inline constexpr std::size_t kQueryParametersMax = 100;
inline constexpr std::size_t kQueryValuesMax = 20'000;
inline constexpr std::size_t kQueryComparedMax = 1'000;
inline constexpr std::size_t kQueryChainsMax = 20;
/// For how many compared values one counts that is looked for anywhere in a text.
inline constexpr std::size_t kQuerySearchedCost = 10;
/// The most characters in a value that is compared as text: of string parameters, of :text.
inline constexpr std::size_t kQueryTextMax = 1'000;
/// The most in all filters of one export, or of one Group.
inline constexpr std::size_t kFilterValuesMax = 100'000;
inline constexpr std::size_t kFilterChainsMax = 100;

/// The most ids that the chained parameters and _has of an export or a Group find, all together.
inline constexpr std::size_t kResolvedIdsMax = 4'000'000;
/// How many ids may still be found.
class IdBudget {
 public:
  explicit IdBudget(std::size_t ids_max = kResolvedIdsMax) : ids_max_(ids_max), left_(ids_max) {}
  std::size_t ids_max() const { return ids_max_; }
  /// False when there is none left.
  bool take() {
    if (left_ == 0) return false;
    --left_;
    return true;
  }

 private:
  const std::size_t ids_max_;
  std::size_t left_;
};

/// Immutable, thread-safe, cheap to copy.
class Query {
 public:
  /// All of `parameters` must hold. kInvalid or kUnsupported names the parameter, the modifier or
  /// the value that is not understood: nothing is ignored. Result parameters are refused. No
  /// parameters: every resource of the type matches.
  static Result<Query> compile(fhir::ResourceType type, const Parameters& parameters,
                               const QueryOptions& options);
  /// compile(parse_query_string(raw)).
  static Result<Query> compile(fhir::ResourceType type, std::string_view raw,
                               const QueryOptions& options);

  fhir::ResourceType type() const;
  bool matches_everything() const;  ///< there is no parameter
  const QueryCost& cost() const;

  /// The other types whose resources decide (chained parameters, _has), sorted, unique. The client
  /// must be allowed to read them.
  const std::vector<fhir::ResourceType>& other_types() const;
  /// Whether there are chained parameters or _has which resolved() has not yet replaced.
  bool needs_resolver() const;
  /// The query with chained parameters and _has replaced by sets of ids, found by one pass over
  /// each other type: done once for an export or a search, so that matching needs no other
  /// resources. Errors of the resolver; kTooLarge when the sets exceed the budget. Returns the
  /// query itself when there is nothing to resolve.
  Result<Query> resolved(Resolver& resolver, IdBudget& budget) const;
  Result<Query> resolved(Resolver& resolver) const;

  /// When only resources with certain ids can match: these (from _id; some may not exist).
  const std::optional<std::vector<std::string>>& ids() const;
  /// When only resources in certain patients' compartments can match: the patients' ids (from a
  /// reference like patient or subject that puts the type into the compartment).
  const std::optional<std::vector<std::string>>& patients() const;

  struct Impl;  ///< internal to the module

 private:
  friend class Matcher;
  friend class QuerySet;
  std::shared_ptr<const Impl> impl_;  // shared: a query is used by every shard and thread
};

}  // namespace sluice::search
