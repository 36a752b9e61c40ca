#include "search/query.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/percent.h"
#include "base/sort_unique.h"
#include "base/utf8.h"
#include "fhir/r4_tables.h"
#include "search/criterion.h"
#include "search/matcher.h"
#include "search/value_text.h"

namespace sluice::search {
namespace {

Error too_many_parameters() {
  return invalid(fmt::format("a query has more than {} parameters", kQueryParametersMax));
}

Result<std::string> decoded(std::string_view raw) {
  auto text = percent_decoded(raw, true);
  if (!text) return invalid(fmt::format("a '%' in the query '{}' is no escape", shown(raw)));
  if (!is_valid_utf8(*text))
    return invalid(fmt::format("the query '{}' is not UTF-8 when it is decoded", shown(raw)));
  return std::move(*text);
}

/// The ids that an _id parameter allows; nullopt when it does not limit.
std::optional<std::vector<std::string>> ids_of(const Criterion& criterion) {
  if (criterion.name != "_id" || criterion.kind != Criterion::Kind::kValues || criterion.negated)
    return std::nullopt;
  std::vector<std::string> ids;
  for (const ValueTest& test : criterion.tests) ids.push_back(std::get<TokenTest>(test).code());
  sort_unique(ids);
  return ids;
}

/// The patients that a reference parameter allows when its paths put the type into their
/// compartments; nullopt when it does not limit.
std::optional<std::vector<std::string>> patients_of(const Criterion& criterion,
                                                    fhir::ResourceType type) {
  if (criterion.kind != Criterion::Kind::kValues ||
      criterion.target.type != ParameterType::kReference ||
      criterion.target.look != Target::Look::kValue)
    return std::nullopt;
  // Groups are stored in nobody's compartment, whoever their members are.
  if (type == fhir::types::kGroup) return std::nullopt;
  const auto owning = fhir::r4::row(type).compartment_paths;
  bool only_patients = true;
  for (const Path& path : criterion.target.paths) {
    if (std::find(owning.begin(), owning.end(), path.text()) == owning.end()) return std::nullopt;
    only_patients = only_patients && path.target == fhir::types::kPatient;
  }
  std::vector<std::string> patients;
  for (const ValueTest& value : criterion.tests) {
    const auto& reference = std::get<ReferenceTest>(value);
    const bool is_patient =
        reference.type() ? reference.type() == fhir::types::kPatient : only_patients;
    if (reference.id().empty() || !is_patient) return std::nullopt;
    patients.push_back(reference.id());
  }
  sort_unique(patients);
  return patients;
}

/// With one resource, once chains are resolved.
std::size_t comparisons_of(const Criterion& criterion) {
  const bool is_looked_up =
      criterion.kind == Criterion::Kind::kChain || criterion.kind == Criterion::Kind::kHas;
  return is_looked_up ? 0 : criterion.compared_count();
}

// Fewer are compared as fast as they are looked up.
constexpr std::size_t kLookedUpFrom = 8;

}  // namespace

bool Target::has_keys() const {
  if (type == ParameterType::kReference && look == Look::kValue) return true;
  const bool is_token =
      (type == ParameterType::kToken && look == Look::kValue) || look == Look::kIdentifier;
  // Of these the case does not count, or there is no text.
  return is_token && std::none_of(paths.begin(), paths.end(), [](const Path& path) {
           return path.type == DataType::kText || path.type == DataType::kBoolean;
         });
}

std::pair<std::string_view, std::string_view> keys_of(const ValueTest& test) {
  if (const auto* const token = std::get_if<TokenTest>(&test)) return {token->code(), {}};
  if (const auto* const reference = std::get_if<ReferenceTest>(&test))
    return {reference->id(), reference->text()};
  return {};
}

void Criterion::look_up_values() {
  if (kind != Kind::kValues || tests.size() < kLookedUpFrom || !target.has_keys()) return;
  for (std::uint32_t i = 0; i < tests.size(); ++i) {
    const auto [first, second] = keys_of(tests[i]);
    if (first.empty() && second.empty()) without_key.push_back(i);
    if (!first.empty()) by_key.add(first, i);
    if (!second.empty()) by_key.add(second, i);
  }
}

bool Criterion::is_keyed() const {
  return kind == Kind::kValues && target.has_keys() &&
         std::all_of(tests.begin(), tests.end(), [](const ValueTest& test) {
           const auto [first, second] = keys_of(test);
           return !first.empty() || !second.empty();
         });
}

std::size_t Criterion::value_count() const {
  std::size_t count = tests.size() + tuples.size();
  for (const Query& query : inner) count += query.cost().values;
  return count;
}

std::size_t Criterion::compared_count() const {
  std::size_t count = tuples.size() + (target.has_keys() ? without_key.size() : tests.size());
  for (const ValueTest& test : tests) {
    const auto* const text = std::get_if<StringTest>(&test);
    if (text != nullptr && text->is_search()) count += kQuerySearchedCost - 1;
  }
  for (const Query& query : inner) count += query.cost().compared;
  return count;
}

Result<void> Query::Impl::add_cost(const Criterion& criterion) {
  cost += {criterion.value_count(), criterion.compared_count(), criterion.inner.size()};
  const auto too_many = [](std::size_t max, std::string_view what) {
    return invalid(fmt::format("a query has more than {} {}", max, what));
  };
  if (cost.values > kQueryValuesMax) return too_many(kQueryValuesMax, "values");
  if (cost.compared > kQueryComparedMax)
    return too_many(kQueryComparedMax, "values that are no ids, codes or references");
  if (cost.chains > kQueryChainsMax)
    return too_many(kQueryChainsMax, "chained parameters and _has, each type counted");
  return {};
}

Result<Parameters> parse_query_string(std::string_view raw) {
  if (raw.starts_with('?')) raw.remove_prefix(1);
  Parameters parameters;
  while (!raw.empty()) {
    const std::string_view part = raw.substr(0, raw.find('&'));
    raw.remove_prefix(std::min(raw.size(), part.size() + 1));
    if (part.empty()) continue;
    const std::size_t equals = std::min(part.find('='), part.size());
    SLUICE_ASSIGN_OR_RETURN(auto name, decoded(part.substr(0, equals)));
    SLUICE_ASSIGN_OR_RETURN(auto value, decoded(part.substr(std::min(part.size(), equals + 1))));
    if (name.empty()) return invalid(fmt::format("'{}' in a query has no name", shown(part)));
    if (parameters.size() == kQueryParametersMax) return too_many_parameters();
    parameters.emplace_back(std::move(name), std::move(value));
  }
  return parameters;
}

Result<Query> Query::compile(fhir::ResourceType type, std::string_view raw,
                             const QueryOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(const auto parameters, parse_query_string(raw));
  return compile(type, parameters, options);
}

Result<Query> Query::compile(fhir::ResourceType type, const Parameters& parameters,
                             const QueryOptions& options) {
  if (parameters.size() > kQueryParametersMax) return too_many_parameters();
  auto impl = std::make_shared<Impl>();
  impl->type = type;
  impl->base_url = options.base_url;
  for (const auto& [name, value] : parameters) {
    SLUICE_ASSIGN_OR_RETURN(auto criterion, compile_criterion(type, name, value, options));
    for (const Path& path : criterion.target.paths) {
      if (path.steps.empty()) {
        criterion.roots.push_back(kNoToken);
        continue;
      }
      const std::string& root = path.steps.front().name;
      const auto known = std::find(impl->roots.begin(), impl->roots.end(), root);
      criterion.roots.push_back(static_cast<std::size_t>(known - impl->roots.begin()));
      if (known == impl->roots.end()) impl->roots.push_back(root);
    }
    SLUICE_RETURN_IF_ERROR(impl->add_cost(criterion));
    for (const Query& inner : criterion.inner) impl->other_types.push_back(inner.type());
    impl->needs_resolver = impl->needs_resolver || !criterion.inner.empty();
    if (!impl->ids) impl->ids = ids_of(criterion);
    if (!impl->patients) impl->patients = patients_of(criterion, type);
    impl->criteria.push_back(std::move(criterion));
  }
  sort_unique(impl->other_types);
  // What costs little decides first: then how long it takes to compare a resource says nothing of
  // one that a short condition hides from its client.
  std::stable_sort(
      impl->criteria.begin(), impl->criteria.end(),
      [](const Criterion& a, const Criterion& b) { return comparisons_of(a) < comparisons_of(b); });
  Query query;
  query.impl_ = std::move(impl);
  return query;
}

fhir::ResourceType Query::type() const {
  return impl_->type;
}
bool Query::matches_everything() const {
  return impl_->criteria.empty();
}
const std::vector<fhir::ResourceType>& Query::other_types() const {
  return impl_->other_types;
}
const QueryCost& Query::cost() const {
  return impl_->cost;
}
bool Query::needs_resolver() const {
  return impl_->needs_resolver;
}
const std::optional<std::vector<std::string>>& Query::ids() const {
  return impl_->ids;
}
const std::optional<std::vector<std::string>>& Query::patients() const {
  return impl_->patients;
}

Result<Query> Query::resolved(Resolver& resolver) const {
  IdBudget budget;
  return resolved(resolver, budget);
}

Result<Query> Query::resolved(Resolver& resolver, IdBudget& budget) const {
  if (!impl_->needs_resolver) return *this;
  auto impl = std::make_shared<Impl>(*impl_);
  Matcher matcher([&resolver] { return resolver.look(); });
  for (Criterion& criterion : impl->criteria) {
    if (criterion.inner.empty()) continue;
    criterion.resources.emplace();
    for (const Query& inner : criterion.inner) {
      auto ids = std::make_shared<IdSet>();
      const auto add = [&](std::string_view id) -> Result<void> {
        if (ids->contains(id)) return {};
        if (!budget.take())
          return Error{
              ErrorKind::kTooLarge,
              fmt::format("the search parameter '{}' and others go through more than {} resources",
                          criterion.name, budget.ids_max())};
        ids->emplace(id);
        return {};
      };
      fhir::JsonTokens tokens;
      std::string buffer;
      const auto visit = [&](std::string_view id, std::string_view json) -> Result<void> {
        SLUICE_ASSIGN_OR_RETURN(const bool matches, matcher.matches(inner, json));
        if (!matches) return {};
        if (criterion.kind == Criterion::Kind::kChain) return add(id);
        if (!tokens.read(json)) return corrupt("stored resource: not one JSON object");
        Result<void> added;
        for (const Path& path : criterion.referring) {
          any_value(tokens, 0, path, 0, [&](std::size_t value) {
            const auto found = reference_at(tokens, value, path, impl->base_url, buffer);
            if (found && found->local && found->local->type == impl->type)
              added = add(found->local->id);
            return !added;
          });
          if (!added) return added;
        }
        return {};
      };
      SLUICE_RETURN_IF_ERROR(resolver.each(inner.type(), visit));
      const auto of = criterion.kind == Criterion::Kind::kChain ? inner.type() : impl->type;
      criterion.resources->emplace_back(of, std::move(ids));
    }
  }
  impl->needs_resolver = false;
  Query query;
  query.impl_ = std::move(impl);
  return query;
}

}  // namespace sluice::search
