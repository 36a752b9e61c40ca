#include "bulk/export/request/stored_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <stdexcept>

#include "base/json_text.h"
#include "base/sort_unique.h"

namespace sluice::bulk {
namespace {

namespace json = boost::json;

json::array to_json(const std::vector<std::string>& values) {
  json::array array;
  for (const auto& value : values) array.emplace_back(value);
  return array;
}

json::array to_json(const std::vector<TypeFilter>& filters) {
  json::array array;
  for (const auto& filter : filters)
    array.emplace_back(fmt::format("{}?{}", fhir::type_name(filter.type), filter.query));
  return array;
}

std::vector<TypeFilter> filters_of(const json::object& object) {
  std::vector<TypeFilter> filters;
  const auto* found = object.if_contains("filters");
  if (found == nullptr) return filters;  // written before there were filters
  for (const auto& text : json::value_to<std::vector<std::string>>(*found)) {
    const std::size_t mark = text.find('?');
    filters.push_back(
        {fhir::find_resource_type(text.substr(0, mark)).value(), text.substr(mark + 1)});
  }
  return filters;
}

json::array names_of(const std::vector<fhir::ResourceType>& types) {
  json::array names;
  for (const auto type : types) names.emplace_back(json::string(fhir::type_name(type)));
  return names;
}

// Throws what is caught for everything that cannot be read.
std::vector<fhir::ResourceType> types_of(const json::value& names) {
  std::vector<fhir::ResourceType> types;
  for (const auto& name : names.as_array())
    types.push_back(fhir::find_resource_type(name.as_string()).value());
  return types;
}

json::array to_json(const std::vector<AccessLimit>& limits) {
  json::array array;
  for (const auto& [types, limit] : limits)
    array.push_back(json::object{{"types", names_of(types)}, {"parts", json::value_from(limit)}});
  return array;
}

std::vector<AccessLimit> limits_of(const json::object& object) {
  std::vector<AccessLimit> limits;
  const auto* found = object.if_contains("limits");
  if (found == nullptr) return limits;
  for (const auto& entry : found->as_array()) {
    AccessLimit& limit = limits.emplace_back();
    limit.types = types_of(entry.at("types"));
    limit.limit = json::value_to<search::QueryLimit>(entry.at("parts"));
  }
  return limits;
}

json::object to_json(const TablesRequest& tables) {
  json::array array;
  for (const auto& table : tables.tables) {
    json::object one{{"name", table.name}, {"definition", table.definition}};
    if (!table.source.empty()) one["source"] = table.source;
    array.push_back(std::move(one));
  }
  json::object object{{"format", static_cast<unsigned>(tables.format)},
                      {"header", tables.csv_header},
                      {"alone", tables.alone}};
  if (tables.reports_faults) object["reports_faults"] = true;
  if (!tables.tracking_id.empty()) object["tracking_id"] = tables.tracking_id;
  object["tables"] = std::move(array);
  return object;
}

// The values of an enumeration are numbered from 0 to `last`.
template <class Enum>
Enum enum_of(const json::value& value, Enum last) {
  const auto number = value.to_number<unsigned>();
  if (number > static_cast<unsigned>(last)) throw std::out_of_range("unknown value");
  return static_cast<Enum>(number);
}

TablesRequest tables_of(const json::object& object) {
  TablesRequest tables;
  tables.format = enum_of(object.at("format"), table::Format::kParquet);
  tables.csv_header = object.at("header").as_bool();
  tables.alone = object.at("alone").as_bool();
  tables.reports_faults = object.contains("reports_faults");
  if (const auto* id = object.if_contains("tracking_id")) tables.tracking_id = id->as_string();
  for (const auto& value : object.at("tables").as_array()) {
    TableRequest& table = tables.tables.emplace_back();
    table.name = json::value_to<std::string>(value.at("name"));
    table.definition = json::value_to<std::string>(value.at("definition"));
    if (const auto* source = value.as_object().if_contains("source"))
      table.source = json::value_to<std::string>(*source);
  }
  return tables;
}

std::vector<std::string> strings_of(const json::object& object, const char* name) {
  return json::value_to<std::vector<std::string>>(object.at(name));
}

// They become keys of the store.
void check_ids(const ExportRequest& request) {
  const bool are_valid =
      (request.group_id.empty() || fhir::is_valid_id(request.group_id)) &&
      std::all_of(request.other_groups.begin(), request.other_groups.end(), fhir::is_valid_id) &&
      (!request.limits.groups ||
       std::all_of(request.limits.groups->groups.begin(), request.limits.groups->groups.end(),
                   fhir::is_valid_id)) &&
      (!request.patients ||
       std::all_of(request.patients->begin(), request.patients->end(), fhir::is_valid_id));
  if (!are_valid) throw std::invalid_argument("not an id");
}

Result<std::vector<fhir::ResourceType>> types_read_by_filters(const ExportRequest& request) {
  std::vector<fhir::ResourceType> all;
  for (const auto& filter : request.type_filters) {
    SLUICE_ASSIGN_OR_RETURN(const auto types, types_read_by(filter, request.base_url));
    all.insert(all.end(), types.begin(), types.end());
  }
  sort_unique(all);
  return all;
}

Result<StoredExport> read_stored(std::string_view text) {
  SLUICE_ASSIGN_OR_RETURN(auto request, parse_stored_request(text));
  auto types = types_read_by_filters(request);
  return StoredExport{std::move(request), std::move(types)};
}

void drop_work(StoredExport& stored) {
  stored.request.type_filters = {};
  stored.request.patients.reset();
  if (stored.request.tables)
    for (auto& table : stored.request.tables->tables) table.definition = {};
  stored.is_whole = false;
}

}  // namespace

std::string serialize(const ExportRequest& request) {
  json::object object;
  object["level"] = static_cast<unsigned>(request.level);
  object["group"] = request.group_id;
  object["types"] = names_of(request.types);
  if (request.output_format != OutputFormat::kNdjson)
    object["output_format"] = static_cast<unsigned>(request.output_format);
  if (!request.other_groups.empty()) object["other_groups"] = to_json(request.other_groups);
  if (request.tables) object["tables"] = to_json(*request.tables);
  if (request.since) object["since"] = request.since->milliseconds;
  if (request.until) object["until"] = request.until->milliseconds;
  object["elements"] = to_json(request.elements);
  object["filters"] = to_json(request.type_filters);
  if (!request.limits.by_query.empty()) object["limits"] = to_json(request.limits.by_query);
  if (request.limits.contexts) object["contexts"] = names_of(*request.limits.contexts);
  if (request.limits.groups) {
    json::object of_groups{{"ids", to_json(request.limits.groups->groups)}};
    if (request.limits.groups->types) of_groups["types"] = names_of(*request.limits.groups->types);
    object["groups"] = std::move(of_groups);
  }
  if (request.patients) object["patients"] = to_json(*request.patients);
  if (request.history_of_new_members) object["history_of_new_members"] = true;
  if (request.organize_by)
    object["organize_by"] = json::string(fhir::type_name(*request.organize_by));
  if (request.associated_provenance)
    object["associated_provenance"] = static_cast<unsigned>(*request.associated_provenance);
  if (request.partial_manifests) object["partial_manifests"] = true;
  if (request.file_size_min) object["file_size_min"] = *request.file_size_min;
  if (request.file_size_max) object["file_size_max"] = *request.file_size_max;
  object["skipped"] = to_json(request.skipped);
  object["separate"] = request.separate_export_status;
  if (request.attachment_access != AttachmentAccess::kOpen)
    object["attachment_access"] = static_cast<unsigned>(request.attachment_access);
  object["url"] = request.url;
  object["base"] = request.base_url;
  return json_text(object);
}

Result<ExportRequest> parse_stored_request(std::string_view text) {
  try {
    const json::object object = stored_object(text);
    ExportRequest request;
    request.level = enum_of(object.at("level"), ExportLevel::kGroup);
    request.group_id = json::value_to<std::string>(object.at("group"));
    request.types = types_of(object.at("types"));
    if (object.contains("output_format"))
      request.output_format = enum_of(object.at("output_format"), OutputFormat::kParquet);
    if (object.contains("other_groups")) request.other_groups = strings_of(object, "other_groups");
    if (const auto* tables = object.if_contains("tables"))
      request.tables = tables_of(tables->as_object());
    if (object.contains("since")) request.since = stored_instant(object.at("since"));
    if (object.contains("until")) request.until = stored_instant(object.at("until"));
    request.elements = strings_of(object, "elements");
    request.type_filters = filters_of(object);
    request.limits.by_query = limits_of(object);
    if (const auto* contexts = object.if_contains("contexts")) {
      request.limits.contexts = types_of(*contexts);
    }
    if (const auto* found = object.if_contains("groups")) {
      const json::object& of_groups = found->as_object();
      GroupLimit& limit = request.limits.groups.emplace();
      limit.groups = strings_of(of_groups, "ids");
      if (const auto* types = of_groups.if_contains("types")) limit.types = types_of(*types);
    }
    if (object.contains("patients")) request.patients = strings_of(object, "patients");
    request.history_of_new_members = object.contains("history_of_new_members");
    if (object.contains("organize_by"))
      request.organize_by =
          fhir::find_resource_type(json::value_to<std::string>(object.at("organize_by"))).value();
    if (object.contains("associated_provenance"))
      request.associated_provenance =
          enum_of(object.at("associated_provenance"), AssociatedProvenance::kRelevant);
    request.partial_manifests = object.contains("partial_manifests");
    if (object.contains("file_size_min"))
      request.file_size_min = object.at("file_size_min").to_number<std::uint64_t>();
    if (object.contains("file_size_max"))
      request.file_size_max = object.at("file_size_max").to_number<std::uint64_t>();
    request.skipped = strings_of(object, "skipped");
    request.separate_export_status = object.at("separate").as_bool();
    if (object.contains("attachment_access"))
      request.attachment_access =
          enum_of(object.at("attachment_access"), AttachmentAccess::kCapability);
    request.url = json::value_to<std::string>(object.at("url"));
    request.base_url = json::value_to<std::string>(object.at("base"));
    check_ids(request);
    return request;
  } catch (const std::exception& e) {
    return corrupt("a stored export request cannot be read", e.what());
  }
}

Result<std::shared_ptr<const StoredExport>> export_request_of(const job::Job& job) {
  return job.request.read<StoredExport>({.parse = read_stored, .drop_work = drop_work});
}

}  // namespace sluice::bulk
