#include "bulk/export/request/export_filter.h"

#include <fmt/format.h>

#include "base/sort_unique.h"
#include "base/utf8.h"
#include "bulk/export/request/export_request.h"
#include "bulk/export/request/group_reach.h"
#include "query/store_resolver.h"

namespace sluice::bulk {
namespace {

constexpr std::size_t kTypeNameMax = 64;

/// The type that `text` names before a '?'. Looks at no more than a name's length, for it is asked
/// of what follows each comma.
std::optional<fhir::ResourceType> filtered_type(std::string_view text) {
  const std::size_t mark = text.substr(0, kTypeNameMax).find('?');
  if (mark == std::string_view::npos) return std::nullopt;
  return fhir::find_resource_type(text.substr(0, mark));
}

/// What a filter learns of other resources is no more than the client may see of them.
class SeenResolver final : public search::Resolver {
 public:
  SeenResolver(search::Resolver& resolver, const AccessFilters& access, query::Bounds bounds)
      : resolver_(resolver), access_(access), check_(std::move(bounds)) {}

  Result<void> each(fhir::ResourceType type, const Visit& visit) override {
    if (!access_.limits(type)) return resolver_.each(type, visit);
    return resolver_.each(type, [&](std::string_view id, std::string_view json) -> Result<void> {
      SLUICE_ASSIGN_OR_RETURN(const bool seen, access_.pass(matcher_, type, json));
      return seen ? visit(id, json) : Result<void>();
    });
  }
  Result<void> look() override { return check_.look(); }

 private:
  search::Resolver& resolver_;
  const AccessFilters& access_;
  const query::BoundsCheck check_;
  search::Matcher matcher_{[this] { return check_.look(); }};
};

}  // namespace

Result<TypeFilter> parse_type_filter(std::string_view text, std::string_view base_url,
                                     search::QueryCost* cost) {
  const auto type = filtered_type(text);
  if (!type)
    return invalid(fmt::format("_typeFilter '{}' does not begin with a resource type and '?'",
                               shortened(text, 128)));
  TypeFilter filter{*type, std::string(text.substr(text.find('?') + 1))};
  const auto query =
      search::Query::compile(*type, filter.query, {.base_url = std::string(base_url)});
  if (!query)
    return Error{query.error().kind,
                 fmt::format("_typeFilter '{}': {}", shortened(text, 128), query.error().message)};
  if (query->matches_everything())
    return invalid(fmt::format("_typeFilter '{}' has no search parameter", shortened(text, 128)));
  if (cost != nullptr) *cost += query->cost();
  return filter;
}

Result<TypeFilter> known_part_of_type_filter(std::string_view text, std::string_view base_url,
                                             std::vector<std::string>& skipped,
                                             search::QueryCost* cost) {
  const std::size_t mark = text.find('?');
  const std::string_view type_and_mark = text.substr(0, mark + 1);
  std::string known(type_and_mark);
  std::string_view rest = text.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    if (part.empty()) continue;
    const auto alone = parse_type_filter(std::string(type_and_mark).append(part), base_url, cost);
    if (alone)
      known.append(known.size() > type_and_mark.size() ? "&" : "").append(part);
    else if (alone.error().kind == ErrorKind::kUnsupported)
      skipped.push_back(alone.error().message);
    else
      return alone.error();
  }
  if (known.size() > type_and_mark.size()) return parse_type_filter(known, base_url);
  skipped.back() += "; nothing of it is understood, so that it matches nothing";
  // Every resource has an id.
  return parse_type_filter(known + "_id:missing=true", base_url);
}

std::vector<std::string> split_type_filters(std::string_view value, std::size_t filters_max) {
  std::vector<std::string> filters;
  std::size_t start = 0;
  for (std::size_t comma = value.find(',');
       comma != std::string_view::npos && filters.size() < filters_max;
       comma = value.find(',', comma + 1)) {
    if (!filtered_type(value.substr(comma + 1))) continue;
    filters.emplace_back(value.substr(start, comma - start));
    start = comma + 1;
  }
  filters.emplace_back(value.substr(start));
  return filters;
}

Result<std::vector<fhir::ResourceType>> types_read_by(const TypeFilter& filter,
                                                      std::string_view base_url) {
  SLUICE_ASSIGN_OR_RETURN(
      const auto query,
      search::Query::compile(filter.type, filter.query, {.base_url = std::string(base_url)}));
  return query.other_types();
}

Result<ExportFilters> ExportFilters::prepare(const store::Store& store,
                                             const ExportRequest& request,
                                             const store::Commit& snapshot,
                                             const query::Bounds& bounds) {
  ExportFilters filters;
  const search::QueryOptions options{.base_url = request.base_url, .now = snapshot.instant};
  SLUICE_ASSIGN_OR_RETURN(filters.access_, AccessFilters::compile(request.limits, options));
  query::StoreResolver all(store, snapshot.sequence, bounds);
  std::optional<GroupReach> reach;
  if (request.limits.groups)
    reach.emplace(store, *request.limits.groups, filters.access_, snapshot, request.base_url,
                  bounds);
  search::IdBudget budget;
  SeenResolver resolver(reach ? static_cast<search::Resolver&>(*reach) : all, filters.access_,
                        bounds);
  for (const TypeFilter& filter : request.type_filters) {
    SLUICE_ASSIGN_OR_RETURN(const auto query,
                            search::Query::compile(filter.type, filter.query, options));
    SLUICE_ASSIGN_OR_RETURN(auto resolved, query.resolved(resolver, budget));
    filters.by_type_[filter.type].push_back(std::move(resolved));
  }
  return filters;
}

Result<bool> ExportFilters::pass(search::Matcher& matcher, fhir::ResourceType type,
                                 std::string_view json) const {
  SLUICE_ASSIGN_OR_RETURN(const bool seen, access_.pass(matcher, type, json));
  if (!seen) return false;
  const auto found = by_type_.find(type);
  if (found == by_type_.end()) return true;
  return matcher.matches_any(found->second, json);
}

namespace {

// Several filters of one type are alternatives: together they are as narrow as the widest.
template <class Of>
std::optional<std::vector<std::string>> united(const std::vector<search::Query>& queries, Of of) {
  std::vector<std::string> all;
  for (const auto& query : queries) {
    const std::optional<std::vector<std::string>>& some = of(query);
    if (!some) return std::nullopt;
    all.insert(all.end(), some->begin(), some->end());
  }
  sort_unique(all);
  return all;
}

}  // namespace

std::optional<std::vector<std::string>> ExportFilters::ids_of(fhir::ResourceType type) const {
  const auto found = by_type_.find(type);
  if (found == by_type_.end()) return std::nullopt;
  return united(
      found->second, [](const auto& query) -> auto& { return query.ids(); });
}

std::optional<std::vector<std::string>> ExportFilters::patients_of(fhir::ResourceType type) const {
  const auto found = by_type_.find(type);
  if (found == by_type_.end()) return std::nullopt;
  return united(
      found->second, [](const auto& query) -> auto& { return query.patients(); });
}

}  // namespace sluice::bulk
