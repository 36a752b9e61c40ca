#include "bulk/load/load_conditions.h"

#include <fmt/format.h>

#include <algorithm>

#include "fhir/reference.h"
#include "json/json_check.h"
#include "query/find.h"

namespace sluice::bulk {
namespace {

// More than one is too many; so many are remembered, in case some are replaced.
constexpr std::size_t kIdsKept = 4;

// The value that an identifier must have for the query to match, if it asks for one identifier and
// nothing else.
std::optional<std::string> identifier_value(const search::Parameters& parameters) {
  if (parameters.size() != 1 || parameters.front().first != "identifier") return std::nullopt;
  const std::string& token = parameters.front().second;
  // Several, or one with escapes.
  if (token.find_first_of(",\\") != std::string::npos) return std::nullopt;
  const std::size_t bar = token.find('|');
  std::string value = bar == std::string::npos ? token : token.substr(bar + 1);
  if (value.empty() || value.find('|') != std::string::npos) return std::nullopt;
  return value;
}

// The message may hold a value: what a patient is called, say.
Error without_values(const Error& error, fhir::ResourceType type) {
  return {error.kind == ErrorKind::kTooLarge ? ErrorKind::kTooLarge : ErrorKind::kInvalid,
          fmt::format("the condition is no search of {} that is supported", fhir::type_name(type))};
}

}  // namespace

Result<std::size_t> LoadConditions::add(std::string_view text) {
  if (const auto known = known_.find(std::string(text)); known != known_.end())
    return known->second;
  const auto parsed = fhir::parse_conditional_reference(text);
  if (!parsed || parsed->query.empty()) return invalid("a condition has an empty query");
  const auto type = parsed->type;
  if (text_size_ + text.size() > limits_.text_size)
    return Error{ErrorKind::kTooLarge, "there are too many different conditions in one load"};
  const auto parameters = search::parse_query_string(parsed->query);
  if (!parameters) return without_values(parameters.error(), type);
  auto query = search::Query::compile(type, *parameters, {.base_url = base_url_});
  if (!query) return without_values(query.error(), type);
  SLUICE_RETURN_IF_ERROR(check_right(type));
  for (const auto other : query->other_types()) SLUICE_RETURN_IF_ERROR(check_right(other));
  const auto value = identifier_value(*parameters);
  if (!value && queries_ >= limits_.queries)
    return Error{
        ErrorKind::kTooLarge,
        fmt::format("there are more than {} different conditions other than identifier=... "
                    "in one load",
                    limits_.queries)};
  if (chains_ + query->cost().chains > limits_.chains)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("the conditions of one load have more than {} chained parameters",
                             limits_.chains)};
  chains_ += query->cost().chains;
  const std::size_t number = conditions_.size();
  auto& of_type = by_type_[type];
  if (value) {
    of_type.by_value[*value].push_back(number);
  } else {
    ++queries_;
    of_type.others.push_back(number);
    of_type.queries.push_back(std::move(*query));
  }
  conditions_.push_back({type, std::string(parsed->query), 0, {}});
  text_size_ += text.size();
  known_.emplace(text, number);
  return number;
}

Result<void> LoadConditions::check_right(fhir::ResourceType type) const {
  if (!may_search_ || may_search_(type)) return {};
  return Error{ErrorKind::kForbidden,
               fmt::format("searching {} is not allowed", fhir::type_name(type))};
}

Result<void> LoadConditions::find(const store::Store& store, const HeldBack& held_back,
                                  const query::Bounds& bounds) {
  const store::Sequence as_of = store.last_commit().sequence;
  bounds_ = bounds;
  query::BoundsCheck check(bounds);
  passes_ += chains_;
  for (auto& [type, conditions] : by_type_) {
    for (auto& compiled : conditions.queries) {
      SLUICE_ASSIGN_OR_RETURN(compiled, query::resolve(store, compiled, as_of, bounds));
    }
    if (!conditions.queries.empty())
      conditions.set.emplace(conditions.queries,
                             [this] { return query::BoundsCheck(bounds_).look(); });
    SLUICE_ASSIGN_OR_RETURN(const auto scan, store.scan(store::whole_type(type), as_of));
    ++passes_;
    store::RecordView record;
    while (true) {
      SLUICE_RETURN_IF_ERROR(check.step());
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
      if (!more) break;
      if (record.is_link) continue;
      const std::string* later = held_back({type, std::string(record.id)});
      SLUICE_RETURN_IF_ERROR(match(type, conditions, record.id,
                                   later != nullptr ? std::string_view(*later) : record.json));
    }
  }
  return {};
}

Result<void> LoadConditions::replace(const fhir::ResourceId& key, std::string_view json) {
  const auto conditions = by_type_.find(key.type);
  if (conditions == by_type_.end()) return {};
  if (const auto matched = matched_.find(key); matched != matched_.end()) {
    for (const std::size_t number : matched->second) {
      auto& condition = conditions_[number];
      --condition.count;
      std::erase(condition.ids, key.id);
    }
    matched_.erase(matched);
  }
  if (json.empty()) return {};
  return match(key.type, conditions->second, key.id, json);
}

Result<void> LoadConditions::match(fhir::ResourceType type, OfType& conditions, std::string_view id,
                                   std::string_view json) {
  if (conditions.set) {
    SLUICE_ASSIGN_OR_RETURN(const auto* const matching, conditions.set->matching(json));
    for (const std::size_t place : *matching) count(conditions.others[place], id);
  }
  if (conditions.by_value.empty()) return {};
  SLUICE_RETURN_IF_ERROR(tokens_.read(json));
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i + 2 < tokens_.size(); ++i) {
    if (tokens_.first(i) != '"' || tokens_.first(i + 1) != ':' || tokens_.first(i + 2) != '"' ||
        !fhir::means(tokens_.raw_string(i), "value"))
      continue;
    const auto known = conditions.by_value.find(fhir::unescape(tokens_.raw_string(i + 2)));
    if (known != conditions.by_value.end())
      candidates.insert(candidates.end(), known->second.begin(), known->second.end());
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  // Compiled only where it may match, for there may be a million.
  for (const std::size_t number : candidates) {
    SLUICE_ASSIGN_OR_RETURN(
        const auto query,
        search::Query::compile(type, conditions_[number].query, {.base_url = base_url_}));
    SLUICE_ASSIGN_OR_RETURN(const bool matches, matcher_.matches(query, json));
    if (matches) count(number, id);
  }
  return {};
}

void LoadConditions::count(std::size_t number, std::string_view id) {
  auto& condition = conditions_[number];
  ++condition.count;
  if (condition.ids.size() == kIdsKept) return;
  condition.ids.emplace_back(id);
  matched_[{condition.type, std::string(id)}].push_back(number);
}

LoadConditions::Found LoadConditions::found(std::size_t number) const {
  const auto& condition = conditions_[number];
  // The only one that is left may be one that was not remembered.
  if (condition.count == 1 && condition.ids.empty()) return {2, {}};
  return {condition.count, condition.count == 1 ? condition.ids.front() : std::string()};
}

}  // namespace sluice::bulk
