// What the conditions of a load find: all of them in one pass of the store for each type, and among
// the resources that the load itself still holds back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "json/json_tokens.h"
#include "query/bounds.h"
#include "search/matcher.h"
#include "search/query.h"
#include "search/query_set.h"
#include "store/store.h"

namespace sluice::bulk {

/// One thread.
class LoadConditions {
 public:
  /// Limits of a load; above one, the resource that exceeds it is a problem.
  struct Limits {
    std::size_t text_size = 256u << 20;  ///< of all conditions
    std::size_t queries = 1000;          ///< other than identifier=...: each reads every resource
    std::size_t chains = 100;            ///< of these: each is a pass over another type
  };

  /// Whether searches of a type are allowed; empty: all are.
  using MaySearch = std::function<bool(fhir::ResourceType)>;

  LoadConditions(std::string base_url, const Limits& limits, MaySearch may_search)
      : base_url_(std::move(base_url)), limits_(limits), may_search_(std::move(may_search)) {}

  /// Adds "Type?query", or finds an equal one; returns its number. kInvalid for an unsupported
  /// search, kForbidden for one without permission, kTooLarge above a limit; no message contains a
  /// part of the query.
  Result<std::size_t> add(std::string_view condition);
  bool empty() const { return conditions_.empty(); }
  bool has_type(fhir::ResourceType type) const { return by_type_.contains(type); }

  /// Searches the store as of its newest commit. `held_back` returns the text to use for a stored
  /// resource, or nullptr.
  using HeldBack = std::function<const std::string*(const fhir::ResourceId&)>;
  Result<void> find(const store::Store& store, const HeldBack& held_back,
                    const query::Bounds& bounds);
  /// A resource that is not stored yet and replaces the stored one; without text: the resource will
  /// be deleted.
  Result<void> replace(const fhir::ResourceId& key, std::string_view json);

  struct Found {
    std::uint64_t count = 0;
    std::string id;  ///< of the only one
  };
  Found found(std::size_t condition) const;
  fhir::ResourceType type_of(std::size_t condition) const { return conditions_[condition].type; }
  /// Over the resources of a type: one for each type that was searched, and one for each chain.
  std::size_t passes() const { return passes_; }

 private:
  struct Condition {
    fhir::ResourceType type;
    std::string query;
    std::uint64_t count = 0;
    std::vector<std::string> ids;  // some of those that match
  };
  struct OfType {
    /// Conditions that only a resource with the text as the value of some identifier can match.
    std::unordered_map<std::string, std::vector<std::size_t>> by_value;
    std::vector<std::size_t> others;  // by whichever query
    std::vector<search::Query> queries;
    std::optional<search::QuerySet> set;  // of them, once they are resolved
  };

  Result<void> check_right(fhir::ResourceType type) const;
  Result<void> match(fhir::ResourceType type, OfType& conditions, std::string_view id,
                     std::string_view json);
  void count(std::size_t condition, std::string_view id);

  const std::string base_url_;
  const Limits limits_;
  const MaySearch may_search_;
  std::unordered_map<std::string, std::size_t> known_;  // by the condition's text
  std::vector<Condition> conditions_;
  std::map<fhir::ResourceType, OfType> by_type_;
  std::map<fhir::ResourceId, std::vector<std::size_t>> matched_;  // the conditions of each match
  std::size_t text_size_ = 0;
  std::size_t queries_ = 0;
  std::size_t chains_ = 0;
  std::size_t passes_ = 0;
  query::Bounds bounds_;  // of the find() that is running or was last
  search::Matcher matcher_{[this] { return query::BoundsCheck(bounds_).look(); }};
  fhir::JsonTokens tokens_;
};

}  // namespace sluice::bulk
