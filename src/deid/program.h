// Rules as a graph that is walked beside the members of a resource: each place says what is done
// there, and where its members lead. Made once; a resource costs one look for each member.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "deid/rule_set.h"
#include "fhirpath/model.h"
#include "json/json_tokens.h"

namespace sluice::deid {

using PlaceId = std::uint32_t;
/// Of the allow-list: what it does not name leads nowhere and is removed.
inline constexpr PlaceId kNowhere = std::numeric_limits<PlaceId>::max();
/// The first rule is 0.
using RuleId = std::uint16_t;
inline constexpr RuleId kNoRule = std::numeric_limits<RuleId>::max();

/// What an element is besides its type, for methods that make a difference.
enum class Part : std::uint8_t {
  kAny,
  kAgeValue,       ///< Age.value
  kPostalCode,     ///< an element of this name
  kReference,      ///< Reference.reference
  kResource,       ///< a resource in place of an element: `contained`, Bundle.entry.resource
  kResourceId,     ///< of the allow-list, from here on
  kReferenceType,  ///< Reference.type
  kFullUrl,        ///< Bundle.entry.fullUrl
  kSystem,         ///< Coding.system, Quantity.system
  kState,          ///< Address.state
  kCountry         ///< Address.country
};

struct Edge {
  std::string_view name;
  PlaceId place = kNowhere;
};

struct Place {
  fhirpath::TypeId type = fhirpath::system::kAny;
  Part part = Part::kAny;
  RuleId rule = kNoRule;
  bool is_plain = false;      ///< nothing in it changes
  bool is_gone = false;       ///< nothing in it stays
  PlaceId others = kNowhere;  ///< of members without an edge
  std::vector<Edge> edges;    ///< by name
};

/// A path that is evaluated on each resource.
struct ExpressionRule {
  RuleId rule = kNoRule;
  const Branch* branch = nullptr;
};

/// Immutable and safe to use in many threads at once.
class Program {
 public:
  static constexpr std::size_t kPlacesMax = 500'000;

  /// kTooLarge for rules whose product with R4 has too many places; kUnsupported for a rule that
  /// cannot be applied to what it names.
  static Result<std::shared_ptr<const Program>> compile(RuleSet rules);
  /// The allow-list of our own rule sets.
  static std::shared_ptr<const Program> of_allow_list();

  bool is_allow_list() const { return is_allow_list_; }
  const RuleSet& rules() const { return rules_; }
  const std::vector<ExpressionRule>& expressions() const { return expressions_; }
  /// What a substitute rule puts in, as tokens.
  const fhir::JsonTokens& replacement(RuleId rule) const { return *replacements_[rule]; }

  const Place& at(PlaceId place) const { return places_[place]; }
  /// kNowhere for a type that the allow-list does not name. kAny: a type that R4 does not have.
  PlaceId root(fhirpath::TypeId type) const { return roots_[type]; }
  /// Where the member `name` of a place leads.
  PlaceId step(const Place& place, std::string_view name) const;

 private:
  friend class RuleCompiler;
  friend class AllowListCompiler;
  /// Sorts edges; finds what is plain and what is gone.
  void finish();

  bool is_allow_list_ = false;
  RuleSet rules_;
  std::vector<ExpressionRule> expressions_;
  std::vector<std::unique_ptr<fhir::JsonTokens>> replacements_;
  std::vector<Place> places_;
  std::vector<PlaceId> roots_;
  std::deque<std::string> names_;  // of edges that no table has
};

}  // namespace sluice::deid
