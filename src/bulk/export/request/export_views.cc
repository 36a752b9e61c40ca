#include "bulk/export/request/export_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/sort_unique.h"
#include "base/utf8.h"

namespace sluice::bulk {
namespace {

constexpr std::array kKinds = {"query",    "valueString", "valueReference", "valueCanonical",
                               "valueUri", "valueUrl",    "resource"};

bool names_type(const std::vector<fhir::ResourceType>& types, fhir::ResourceType type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

// With `_type` both have to say the same: neither a type without a view nor a view of another type
// would be what was asked for.
Result<void> match_types(std::vector<RequestedView>& views,
                         const std::vector<fhir::ResourceType>& types,
                         const SkipOrRefuse& skip_or_refuse) {
  for (const auto type : types)
    if (std::none_of(views.begin(), views.end(), [&](const auto& v) { return v.type == type; }))
      SLUICE_RETURN_IF_ERROR(
          skip_or_refuse(ErrorKind::kInvalid,
                         fmt::format("_type '{}' has no _viewDefinition", fhir::type_name(type))));
  for (const auto& view : views)
    if (!names_type(types, view.type))
      SLUICE_RETURN_IF_ERROR(skip_or_refuse(
          ErrorKind::kInvalid,
          fmt::format("_viewDefinition '{}' is a view of {}, which _type does not name",
                      shortened(view.table.name, 128), fhir::type_name(view.type))));
  std::erase_if(views, [&](const auto& view) { return !names_type(types, view.type); });
  if (views.empty()) return invalid("_viewDefinition and _type have no resource type in common");
  return {};
}

Result<void> check_names(const std::vector<RequestedView>& views) {
  std::set<std::string_view> names;
  for (const auto& view : views)
    if (!names.insert(view.table.name).second)
      return invalid(fmt::format("_viewDefinition: two views have the name '{}'",
                                 shortened(view.table.name, 128)));
  return {};
}

}  // namespace

Result<void> read_view(const fhir::Parameter& parameter, const ExportRequestContext& context,
                       RequestedViews& views, const SkipOrRefuse& skip_or_refuse) {
  if (std::find(kKinds.begin(), kKinds.end(), parameter.kind) == kKinds.end())
    return invalid(fmt::format("the parameter '_viewDefinition' cannot be a {}", parameter.kind));
  if (parameter.value.empty()) return invalid("the parameter '_viewDefinition' has an empty value");
  views.are_given = true;
  if (!context.find_view)
    return Error{ErrorKind::kUnsupported, "the parameter '_viewDefinition' is not supported here"};
  auto found = context.find_view(parameter);
  if (!found) {
    const Error& error = found.error();
    std::string why = "_viewDefinition: " + error.message;
    if (error.kind == ErrorKind::kNotFound || error.kind == ErrorKind::kUnsupported) {
      views.missing = why;
      return skip_or_refuse(error.kind, std::move(why));
    }
    return Error{error.kind, std::move(why), error.detail};
  }
  views.size += found->table.definition.size();
  if (views.found.size() == kViewsMax)
    return invalid(
        fmt::format("the parameter '_viewDefinition' has more than {} values", kViewsMax));
  if (views.size > kViewsSizeMax)
    return Error{ErrorKind::kTooLarge, fmt::format("the views of _viewDefinition are larger than "
                                                   "{} bytes together",
                                                   kViewsSizeMax)};
  views.found.push_back(std::move(*found));
  return {};
}

Result<void> apply_views(RequestedViews views, ExportRequest& request,
                         const SkipOrRefuse& skip_or_refuse) {
  if (!views.are_given) return {};
  // Without the views, the columns or the format it would hold more than what was asked for.
  if (views.found.empty()) return not_found(views.missing);
  if (request.output_format != OutputFormat::kParquet)
    return Error{ErrorKind::kUnsupported,
                 fmt::format("_viewDefinition is supported together with _outputFormat '{}' only",
                             media_type(OutputFormat::kParquet))};
  if (!request.elements.empty())
    return Error{
        ErrorKind::kUnsupported,
        "_elements is not supported together with _viewDefinition: a view names its columns"};
  if (request.associated_provenance) {
    SLUICE_RETURN_IF_ERROR(
        skip_or_refuse(ErrorKind::kUnsupported,
                       "includeAssociatedData is not supported together with _viewDefinition"));
    request.associated_provenance.reset();
  }
  if (!request.types.empty())
    SLUICE_RETURN_IF_ERROR(match_types(views.found, request.types, skip_or_refuse));
  SLUICE_RETURN_IF_ERROR(check_names(views.found));
  TablesRequest& tables = request.tables.emplace();
  tables.format = table::Format::kParquet;
  tables.alone = false;
  tables.reports_faults = true;
  request.types.clear();
  for (auto& view : views.found) {
    request.types.push_back(view.type);
    tables.tables.push_back(std::move(view.table));
  }
  sort_unique(request.types);
  return {};
}

}  // namespace sluice::bulk
