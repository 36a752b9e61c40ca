#include "api/rest/sql_definitions.h"

#include <fmt/format.h>

namespace sluice::api {
namespace {

namespace json = boost::json;

struct SqlDefinition {
  std::string_view id;  // and code
  std::string_view name;
  std::string_view guides;  // the name of the guide's own definition
  std::string_view title;
};

constexpr SqlDefinition kRun = {"sql-run", "SqlRun", "SQLRun",
                                "Rows of a ViewDefinition as the answer, in ndjson, json, csv or "
                                "parquet"};
constexpr SqlDefinition kExport = {"sql-export", "SqlExport", "SQLExport",
                                   "Export of the tables of ViewDefinitions as files of ndjson, "
                                   "json, csv or parquet"};

json::object parameter(std::string_view name, std::string_view max, std::string_view type,
                       std::string_view documentation) {
  return {{"name", json::string(name)},
          {"use", "in"},
          {"min", 0},
          {"max", json::string(max)},
          {"documentation", json::string(documentation)},
          {"type", json::string(type)}};
}

json::array subject_forms() {
  return {parameter("subjectCanonical", "1", "canonical",
                    "The url of a stored ViewDefinition, with |version or without."),
          parameter("subjectReference", "1", "Reference", "ViewDefinition/[id], on this server."),
          parameter("subjectResource", "1", "CanonicalResource", "A ViewDefinition. By POST.")};
}

void add_common(json::array& parameters) {
  parameters.push_back(parameter("_format", "1", "code",
                                 "ndjson (the default), json, csv, or parquet where the server has "
                                 "it; also their media types."));
  parameters.push_back(parameter("header", "1", "boolean",
                                 "csv: whether there is a row of names; true if missing."));
  parameters.push_back(
      parameter("patient", "*", "Reference", "Only the compartments of these patients."));
  parameters.push_back(parameter("group", "*", "Reference",
                                 "Only the compartments of the members of these Groups."));
  parameters.push_back(parameter("_since", "1", "instant",
                                 "Only resources whose meta.lastUpdated is later; for patients who "
                                 "joined a group since also older ones, as with $export."));
}

json::array parameters_of_run() {
  auto parameters = subject_forms();
  parameters.push_back(parameter("resource", "*", "Resource",
                                 "Resources that are read instead of what is stored; of Bundles "
                                 "the entries. By POST."));
  add_common(parameters);
  parameters.push_back(parameter("_limit", "1", "integer", "The most rows that are returned."));
  return parameters;
}

json::array parameters_of_export() {
  json::object subject{{"name", "subject"},
                       {"use", "in"},
                       {"min", 1},
                       {"max", "*"},
                       {"documentation",
                        "A ViewDefinition, named in one of three ways; at most 32 "
                        "of them."}};
  auto parts = subject_forms();
  parts.insert(parts.begin(), parameter("name", "1", "string",
                                        "Of the output; that of the ViewDefinition if missing."));
  subject["part"] = std::move(parts);
  json::array parameters{std::move(subject)};
  parameters.push_back(
      parameter("clientTrackingId", "1", "string", "Returned with everything about the job."));
  add_common(parameters);
  return parameters;
}

std::string url_of(const std::string& base_url, const SqlDefinition& definition) {
  return fmt::format("{}/OperationDefinition/{}", base_url, definition.id);
}

}  // namespace

json::array sql_operations(const std::string& base_url) {
  json::array operations;
  for (const auto& each : {kRun, kExport})
    operations.push_back(json::object{{"name", json::string(fmt::format("${}", each.id))},
                                      {"definition", json::string(url_of(base_url, each))},
                                      {"documentation", json::string(each.title)}});
  return operations;
}

std::vector<std::string_view> sql_definition_ids() {
  return {kRun.id, kExport.id};
}

std::optional<json::object> sql_definition(const std::string& base_url, std::string_view id) {
  const bool is_run = id == kRun.id;
  if (!is_run && id != kExport.id) return std::nullopt;
  const SqlDefinition& definition = is_run ? kRun : kExport;
  return json::object{
      {"resourceType", "OperationDefinition"},
      {"id", json::string(id)},
      {"url", json::string(url_of(base_url, definition))},
      {"name", json::string(definition.name)},
      {"title", json::string(definition.title)},
      {"status", "active"},
      {"kind", "operation"},
      {"affectsState", false},
      {"code", json::string(definition.id)},
      {"base", json::string(fmt::format("http://hl7.org/fhir/uv/sql-on-fhir/OperationDefinition/{}",
                                        definition.guides))},
      {"system", true},
      {"type", false},
      {"instance", false},
      {"parameter", is_run ? parameters_of_run() : parameters_of_export()}};
}

}  // namespace sluice::api
