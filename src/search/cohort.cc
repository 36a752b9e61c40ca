#include "search/cohort.h"

#include <fmt/format.h>

#include "base/sort_unique.h"
#include "base/utf8.h"
#include "fhir/cohort_text.h"
#include "search/compartment.h"
#include "search/resource_filter.h"

namespace sluice::search {
namespace {

constexpr std::string_view kLanguage = "application/x-fhir-query";
constexpr std::size_t kFiltersMax = 64;

Error unprocessable(std::string message) {
  return {ErrorKind::kUnprocessable, std::move(message)};
}

Result<fhir::ResourceType> subject_of(std::string_view type) {
  if (type == "person") return fhir::types::kPatient;
  if (type == "practitioner") return *fhir::find_resource_type("Practitioner");
  if (type == "device") return *fhir::find_resource_type("Device");
  return unprocessable(
      fmt::format("Group.type '{}' of a Group with member-filter is none of person, practitioner "
                  "and device",
                  shortened(type, 64)));
}

Result<void> check_profile(const fhir::CohortText& text) {
  if (!text.has_name) return unprocessable("Group.name is missing, a cohort needs one");
  if (text.has_characteristic)
    return unprocessable("Group.characteristic is not for a Group with member-filter");
  if (text.actual != text.has_members)
    return unprocessable(text.has_members
                             ? "Group.actual must be true, for there is a member"
                             : "Group.actual must be false, for there is no member: the filters "
                               "choose from all");
  return {};
}

Result<Query> compile(const fhir::CohortText::Filter& filter, fhir::ResourceType subject,
                      const QueryOptions& options) {
  if (filter.language != kLanguage)
    return unprocessable(fmt::format("member-filter: the language '{}' is not supported, {} is",
                                     shortened(filter.language, 64), kLanguage));
  const std::string shown(shortened(filter.expression, 128));
  const std::size_t mark = filter.expression.find('?');
  const auto type = mark == std::string::npos
                        ? std::nullopt
                        : fhir::find_resource_type(filter.expression.substr(0, mark));
  if (!type)
    return unprocessable(
        fmt::format("member-filter '{}' does not begin with a resource type and '?'", shown));
  if (*type != subject && !is_in_compartment(subject, *type))
    return unprocessable(fmt::format("member-filter '{}': {} is not {} and not in its compartment",
                                     shown, fhir::type_name(*type), fhir::type_name(subject)));
  auto query = Query::compile(*type, std::string_view(filter.expression).substr(mark + 1), options);
  if (!query)
    return unprocessable(fmt::format("member-filter '{}': {}", shown, query.error().message));
  if (query->matches_everything())
    return unprocessable(fmt::format("member-filter '{}' has no search parameter", shown));
  return std::move(*query);
}

// Also that they can be asked: a limit that is not understood must not be passed over.
Result<std::map<fhir::ResourceType, QueryLimit>> read_limits(
    const std::vector<fhir::CohortLimit>& stated, const QueryOptions& options) {
  std::map<fhir::ResourceType, QueryLimit> limits;
  for (const auto& [name, queries] : stated) {
    const auto type = fhir::find_resource_type(name);
    if (!type)
      return unprocessable(
          fmt::format("{}: '{}' is no resource type", fhir::kCohortLimitUrl, shortened(name, 64)));
    limits[*type].push_back(queries);
  }
  for (const auto& [type, limit] : limits)
    if (const auto filter = ResourceFilter::compile(type, limit, options); !filter)
      return unprocessable(fmt::format("{} of {}: {}", fhir::kCohortLimitUrl, fhir::type_name(type),
                                       filter.error().message));
  return limits;
}

}  // namespace

std::vector<fhir::ResourceType> Cohort::types_read() const {
  std::vector<fhir::ResourceType> types = {subject};
  for (const auto& filter : filters) {
    types.push_back(filter.type());
    types.insert(types.end(), filter.other_types().begin(), filter.other_types().end());
  }
  sort_unique(types);
  return types;
}

namespace {

Result<std::optional<Cohort>> compile(const std::optional<fhir::CohortText>& text,
                                      const QueryOptions& options, Strictness strictness) {
  if (!text) return std::optional<Cohort>();
  Cohort cohort;
  SLUICE_ASSIGN_OR_RETURN(cohort.subject, subject_of(text->type));
  if (strictness == Strictness::kWholeProfile) SLUICE_RETURN_IF_ERROR(check_profile(*text));
  cohort.base_url = options.base_url;
  SLUICE_ASSIGN_OR_RETURN(cohort.limits, read_limits(text->limits, options));
  cohort.has_members = text->has_members;
  if (text->filters.size() > kFiltersMax)
    return unprocessable(fmt::format("a Group has at most {} member-filters", kFiltersMax));
  QueryCost cost;
  for (const auto& filter : text->filters) {
    SLUICE_ASSIGN_OR_RETURN(auto query, compile(filter, cohort.subject, options));
    cost += query.cost();
    if (cost.values > kFilterValuesMax)
      return unprocessable(
          fmt::format("the member-filters of a Group have more than {} values", kFilterValuesMax));
    if (cost.chains > kFilterChainsMax)
      return unprocessable(fmt::format(
          "the member-filters of a Group have more than {} chained parameters and _has, each type "
          "counted",
          kFilterChainsMax));
    cohort.filters.push_back(std::move(query));
  }
  return std::optional(std::move(cohort));
}

}  // namespace

Result<std::optional<Cohort>> read_cohort(std::string_view group_json, const QueryOptions& options,
                                          Strictness strictness) {
  SLUICE_ASSIGN_OR_RETURN(const auto text, fhir::read_cohort_text(group_json));
  return compile(text, options, strictness);
}

Result<std::optional<Cohort>> read_cohort(const fhir::JsonTokens& group,
                                          const QueryOptions& options, Strictness strictness) {
  SLUICE_ASSIGN_OR_RETURN(const auto text, fhir::read_cohort_text(group));
  return compile(text, options, strictness);
}

}  // namespace sluice::search
