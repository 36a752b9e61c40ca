// One compiled parameter of a query, and what a compiled query consists of. Internal to the module.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "search/date_range.h"
#include "search/path.h"
#include "search/quantity_predicate.h"
#include "search/query.h"
#include "search/reference_predicate.h"
#include "search/search_parameter.h"
#include "search/string_predicate.h"
#include "search/token_predicate.h"
#include "search/value_index.h"

namespace sluice::search {

/// Ids of one type, of a resolved chain or _has.
using IdSet = std::unordered_set<std::string, StringHash, std::equal_to<>>;

using ValueTest = std::variant<TokenTest, StringTest, DateTest, NumberTest, QuantityTest,
                               ReferenceTest, std::string /* a uri */>;

/// How the values at some paths are compared.
struct Target {
  enum class Look : std::uint8_t {
    kValue,
    kText,        ///< token:text
    kIdentifier,  ///< reference:identifier
    kPresence,    ///< a token that states whether one of the paths exists
  };
  ParameterType type = ParameterType::kToken;
  Look look = Look::kValue;
  std::vector<Path> paths;

  /// Whether values have texts by which an index can find them: codes, ids.
  bool has_keys() const;
};

/// The texts by which a value of a target with keys is found; empty ones are none.
std::pair<std::string_view, std::string_view> keys_of(const ValueTest& test);

struct Criterion {
  enum class Kind : std::uint8_t {
    kValues,     ///< some value passes some of `tests`
    kComposite,  ///< some element has values that pass all of some of `tuples`
    kMissing,    ///< there is no value
    kChain,      ///< some reference is to one of `resources`
    kHas,        ///< the id is one of `resources`
  };
  Kind kind = Kind::kValues;
  bool negated = false;
  std::string name = {};  ///< as the query has it, without modifier
  Target target = {};
  /// For each path the place in QueryImpl::roots of its first step; kNoToken without steps.
  std::vector<std::size_t> roots = {};
  std::vector<ValueTest> tests = {};
  /// Of many tests those with keys, by these; the numbers of the others. Empty: there are few.
  ValueIndex by_key = {};
  std::vector<std::uint32_t> without_key = {};

  std::vector<Target> components = {};
  std::vector<std::vector<ValueTest>> tuples = {};

  /// kChain: a query for each type that the reference may be to. kHas: one, on the type that
  /// refers.
  std::vector<Query> inner = {};
  std::vector<Path> referring = {};  ///< kHas: the references in resources of that type
  /// What `inner` found; nullopt: not yet resolved.
  std::optional<std::vector<std::pair<fhir::ResourceType, std::shared_ptr<const IdSet>>>>
      resources = {};

  /// Fills `by_key` when the values are many.
  void look_up_values();
  /// Whether every value has a key.
  bool is_keyed() const;
  /// How many values there are, those of `inner` too, and how many of them are compared one by one.
  std::size_t value_count() const;
  std::size_t compared_count() const;
};

struct Query::Impl {
  fhir::ResourceType type;
  std::string base_url;
  std::vector<std::string> roots;  ///< names of the root elements that are read
  std::vector<Criterion> criteria;
  std::vector<fhir::ResourceType> other_types;
  std::optional<std::vector<std::string>> ids;
  std::optional<std::vector<std::string>> patients;
  bool needs_resolver = false;
  QueryCost cost;

  /// Adds the cost of the criterion; kInvalid above the limit.
  Result<void> add_cost(const Criterion& criterion);
};

/// Compiles one parameter. Errors as Query::compile.
Result<Criterion> compile_criterion(fhir::ResourceType type, std::string_view name,
                                    std::string_view value, const QueryOptions& options);

}  // namespace sluice::search
