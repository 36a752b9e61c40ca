#include "api/rest/capability.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "api/auth/smart_configuration.h"
#include "api/core/fhir_response.h"
#include "api/core/resource_headers.h"
#include "api/rest/resource_view.h"
#include "api/rest/sql_definitions.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "fhir/additional_resources.h"
#include "fhir/resource_type.h"
#include "search/search_parameter.h"

namespace sluice::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kCanonicalBase = "http://hl7.org/fhir/uv/bulkdata";

struct Operation {
  std::string_view id;    // of the IG's OperationDefinition
  std::string_view name;  // of the definition, as an identifier
  std::string_view title;
  std::string_view type;  // resource type; empty at system level
  bool on_instance;
  bool takes_patients;
};

constexpr Operation kOperations[] = {
    {"export", "SystemExport", "Export of everything", "", false, false},
    {"patient-export", "PatientExport", "Export of all patients' data", "Patient", false, true},
    {"group-export", "GroupExport", "Export of the data of a group's patients", "Group", true,
     true},
};

// The parameters that work, for the OperationDefinitions: tests ask each of them once.
struct OperationParameter {
  std::string_view name;
  std::string_view max;
  std::string_view type;
  std::string_view documentation;
  bool is_for_patients;
};

constexpr OperationParameter kParameters[] = {
    {"_outputFormat", "1", "string",
     "application/fhir+ndjson, application/ndjson or ndjson, which all mean NDJSON; "
     "application/vnd.apache.parquet or parquet, where the server has it.",
     false},
    {"_since", "1", "instant",
     "Only versions whose meta.lastUpdated is later. A date or dateTime is understood too.", false},
    {"_until", "1", "instant", "Only resources whose newest version is earlier.", false},
    {"_type", "*", "string", "Only these resource types; also separated by commas.", false},
    {"_elements", "*", "string",
     "Only these root elements, \"Patient.name\" or \"name\"; mandatory ones always stay.", false},
    {"_typeFilter", "*", "string",
     "Only resources of a type that match a search, \"Observation?category=laboratory\"; several "
     "of "
     "one type are alternatives.",
     false},
    {"_viewDefinition", "*", "string",
     "With Parquet: tables of these ViewDefinitions, by reference or canonical URL, or as "
     "resources.",
     false},
    {"organizeOutputBy", "1", "string",
     "Patient, Group, Practitioner, Organization or Encounter: a block for each, with what refers "
     "to "
     "it (Patient: its compartment); other resources are left out.",
     false},
    {"includeAssociatedData", "*", "Coding",
     "LatestProvenanceResources or RelevantProvenanceResources: the newest or all Provenance of "
     "what "
     "is returned. Without it Patient and Group exports have the Provenance of their compartments "
     "unless _type leaves it out.",
     false},
    {"allowPartialManifests", "1", "boolean",
     "true: finished files are shown while the export runs, and the manifest comes in pages.",
     false},
    {"_minimumFileSize", "1", "integer", "Bytes of NDJSON that a file has at least.", false},
    {"_maximumFileSize", "1", "integer", "Bytes of NDJSON that a file has at most.", false},
    {"patient", "*", "Reference", "Only the compartments of these patients.", true},
};

std::string canonical(const Operation& operation) {
  return fmt::format("{}/OperationDefinition/{}", kCanonicalBase, operation.id);
}

// C-01: one name for clients of every version of the guide, one that says which it follows.
constexpr std::pair<std::string_view, std::string_view> kExportNames[] = {{"export", ""},
                                                                          {"export-v4", "|4.0.0"}};

json::array operations_of(std::string_view type) {
  json::array operations;
  for (const auto& operation : kOperations) {
    if (operation.type != type) continue;
    for (const auto& [name, version] : kExportNames)
      operations.push_back(
          {{"name", json::string(name)},
           {"definition", json::string(fmt::format("{}{}", canonical(operation), version))},
           {"documentation", json::string(operation.title)}});
  }
  return operations;
}

constexpr std::string_view kImportId = "import";

// $import is a proposal without a canonical URL, so this server's definition has its own.
std::string import_url(const Service& service, const http::Request& request) {
  return service.base_url(request) + "/OperationDefinition/import";
}

json::array system_operations(const Service& service, const http::Request& request) {
  auto operations = operations_of("");
  operations.push_back({{"name", "import"},
                        {"definition", import_url(service, request)},
                        {"documentation", "Import of NDJSON files, asynchronous as an export"}});
  for (auto& each : sql_operations(service.base_url(request))) operations.push_back(each);
  return operations;
}

json::object import_parameter(std::string_view name, int min, std::string_view max,
                              std::string_view type, std::string_view documentation) {
  return {{"name", json::string(name)},
          {"use", "in"},
          {"min", min},
          {"max", json::string(max)},
          {"documentation", json::string(documentation)},
          {"type", json::string(type)}};
}

json::object import_part(std::string_view name, std::string_view documentation, json::array parts,
                         int min, std::string_view max) {
  json::object parameter{{"name", json::string(name)},
                         {"use", "in"},
                         {"min", min},
                         {"max", json::string(max)},
                         {"documentation", json::string(documentation)}};
  parameter["part"] = std::move(parts);
  return parameter;
}

json::object import_definition(const Service& service, const http::Request& request) {
  json::array parameters{
      import_parameter("inputFormat", 1, "1", "code", "application/fhir+ndjson, gzip too."),
      import_parameter("inputSource", 0, "1", "uri",
                       "Absolute references below this URL are references to this server."),
      import_part("storageDetail", "Where the inputs are; https when it is missing.",
                  {import_parameter("type", 1, "1", "code", "https or file."),
                   import_parameter("contentEncoding", 0, "*", "code", "gzip or identity.")},
                  0, "1"),
      import_part("input", "A file of one resource type.",
                  {import_parameter("type", 1, "1", "code", "The resource type."),
                   import_parameter("url", 1, "1", "url", "Where it is.")},
                  1, "*")};
  return {{"resourceType", "OperationDefinition"},
          {"id", "import"},
          {"url", import_url(service, request)},
          {"name", "Import"},
          {"title", "Import of NDJSON files"},
          {"status", "active"},
          {"kind", "operation"},
          {"affectsState", true},
          {"code", "import"},
          {"system", true},
          {"type", false},
          {"instance", false},
          {"parameter", std::move(parameters)}};
}

// Of FHIR R5 ("Operations for Large Resources"), on what is R4 otherwise.
struct MemberOperationRow {
  std::string_view id;
  std::string_view name;
  std::string_view code;
  std::string_view parameter;
  std::string_view documentation;
};

constexpr MemberOperationRow kMemberOperations[] = {
    {"group-add", "GroupAdd", "add", "additions",
     "Adds the members of the Group in the body that are not there yet."},
    {"group-remove", "GroupRemove", "remove", "removals",
     "Takes out the members that are named, with the period and inactive that are named."},
};

std::string member_operation_url(const Service& service, const http::Request& request,
                                 const MemberOperationRow& row) {
  return fmt::format("{}/OperationDefinition/{}", service.base_url(request), row.id);
}

json::object member_definition(const Service& service, const http::Request& request,
                               const MemberOperationRow& row) {
  return {{"resourceType", "OperationDefinition"},
          {"id", json::string(row.id)},
          {"url", member_operation_url(service, request, row)},
          {"name", json::string(row.name)},
          {"title", json::string(row.documentation)},
          {"status", "active"},
          {"kind", "operation"},
          {"affectsState", true},
          {"code", json::string(row.code)},
          {"resource", json::array{"Group"}},
          {"system", false},
          {"type", false},
          {"instance", true},
          {"parameter",
           json::array{import_parameter(row.parameter, 1, "1", "Resource",
                                        "A Group whose member lists whom it is about; also as the "
                                        "body itself. Beside member it may have resourceType, id, "
                                        "meta, type and actual, which change nothing.")}}};
}

void add_interactions(const Service& service, json::object& resource) {
  json::array interactions;
  for (const std::string_view code : {"read", "vread", "create", "update", "patch", "delete",
                                      "history-instance", "history-type", "search-type"})
    interactions.push_back(json::object{{"code", json::string(code)}});
  resource["interaction"] = std::move(interactions);
  resource["versioning"] = "versioned-update";
  resource["readHistory"] = true;
  resource["updateCreate"] = true;
  resource["conditionalCreate"] = true;
  resource["conditionalRead"] = "full-support";
  resource["conditionalUpdate"] = true;
  resource["conditionalDelete"] =
      service.options.conditional_delete_of_several ? "multiple" : "single";
}

// From the table that compiles searches, so that what is listed is what works.
void add_searches(fhir::ResourceType type, json::object& resource) {
  json::array parameters;
  json::array includes;
  for (const auto& parameter : search::parameters_of(type)) {
    parameters.push_back({{"name", json::string(parameter.name)},
                          {"definition", json::string(parameter.canonical)},
                          {"type", json::string(search::to_string(parameter.type))}});
    if (parameter.type == search::ParameterType::kReference)
      includes.push_back(json::string(fmt::format("{}:{}", fhir::type_name(type), parameter.name)));
  }
  if (!includes.empty()) resource["searchInclude"] = std::move(includes);
  json::array reverse_includes;
  for (const auto source : fhir::all_resource_types()) {
    for (const auto& parameter : search::parameters_of(source)) {
      if (parameter.type != search::ParameterType::kReference) continue;
      const auto& targets = parameter.targets;
      if (targets.empty() || std::find(targets.begin(), targets.end(), type) != targets.end())
        reverse_includes.push_back(
            json::string(fmt::format("{}:{}", fhir::type_name(source), parameter.name)));
    }
  }
  if (!reverse_includes.empty()) resource["searchRevInclude"] = std::move(reverse_includes);
  resource["searchParam"] = std::move(parameters);
}

json::array resources(const Service& service, const http::Request& request) {
  json::array resources;
  for (const auto type : fhir::all_resource_types()) {
    json::object resource{{"type", json::string(fhir::type_name(type))}};
    if (type == fhir::types::kViewDefinition)
      resource["profile"] = "http://hl7.org/fhir/StructureDefinition/ViewDefinition";
    add_interactions(service, resource);
    add_searches(type, resource);
    auto operations = operations_of(fhir::type_name(type));
    if (type == fhir::types::kGroup)
      for (const auto& row : kMemberOperations)
        operations.push_back({{"name", json::string(row.code)},
                              {"definition", member_operation_url(service, request, row)},
                              {"documentation", json::string(row.documentation)}});
    if (!operations.empty()) resource["operation"] = std::move(operations);
    if (type == fhir::types::kGroup)
      resource["supportedProfile"] = json::array{
          json::string(fmt::format("{}/StructureDefinition/bulk-cohort-group", kCanonicalBase))};
    resources.push_back(std::move(resource));
  }
  return resources;
}

// GET [base]/metadata{?mode=full}: the other modes are for servers of terminologies, and for what
// leaves out what is not normative.
fhir::ResourceType statement_type() {
  return *fhir::find_resource_type("CapabilityStatement");
}
fhir::ResourceType definition_type() {
  return *fhir::find_resource_type("OperationDefinition");
}

Result<ResourceView> statement_view(const http::Request& request) {
  http::Request rest = request;
  std::erase_if(rest.query, [](const auto& parameter) { return parameter.first == "mode"; });
  for (const auto& [name, value] : request.query)
    if (name == "mode" && value != "full")
      return Error{ErrorKind::kUnsupported,
                   fmt::format("mode '{}' is not supported: use full", shortened(value, 64))};
  return read_view(rest, statement_type());
}

// What the server says of itself is shown as resources that are stored are.
http::Response viewed(const http::Request& request, const Result<ResourceView>& view,
                      fhir::ResourceType type, const json::object& resource) {
  if (!view) return request_error(request, view.error());
  auto text = shown(*view, type, json_text(resource));
  if (!text) return request_error(request, text.error());
  return fhir_response(200, std::move(*text));
}

std::string export_documentation(const Service& service) {
  return fmt::format(
      "Every resource type can be exported, ViewDefinition, which is none of R4, only when _type "
      "names it. Patient and Group exports hold the patient compartment "
      "of FHIR R4 and, once each, the supporting resources (Practitioner, Organization, Location, "
      "Medication, Device and so on) that exported resources refer to; a Group resource itself "
      "comes with a Group export only when _type names it. {} Files hold one type each and at most "
      "1 GiB of NDJSON unless _maximumFileSize says otherwise. Unknown and unsupported parameters "
      "are refused, or with Prefer: handling=lenient skipped and reported. Groups with "
      "member-filter "
      "take all search parameters that _typeFilter takes, of Patient, Practitioner or Device and "
      "of "
      "every type of its compartment; their members are {}.",
      service.options.history_of_new_members
          ? "For a Group export with _since, resources of patients who joined the group later are "
            "added whatever their age, and so are the supporting resources they refer to; leaving "
            "and joining again counts as joining."
          : "For a Group export with _since, resources of patients who joined the group later are "
            "not added: what did not change is not sent.",
      service.options.stores_cohorts ? "stored, and found anew on a period"
                                     : "found at each export, as of its transactionTime");
}

json::object statement_of(const Service& service, const http::Request& request) {
  json::object rest{{"mode", "server"},
                    {"documentation", json::string(export_documentation(service))},
                    {"security", security_statement(service, request)},
                    {"resource", resources(service, request)},
                    {"interaction", json::array{json::object{{"code", "transaction"}},
                                                json::object{{"code", "batch"}},
                                                json::object{{"code", "history-system"}}}},
                    {"operation", system_operations(service, request)}};
  return {
      {"resourceType", "CapabilityStatement"},
      {"status", "active"},
      {"date", "2026-11-23"},
      {"kind", "instance"},
      {"instantiates",
       json::array{json::string(fmt::format("{}/CapabilityStatement/bulk-data", kCanonicalBase))}},
      {"software", {{"name", "Sluice"}, {"version", SLUICE_VERSION}}},
      {"implementation",
       {{"description", "Sluice FHIR Bulk Data server"}, {"url", service.base_url(request)}}},
      {"fhirVersion", "4.0.1"},
      {"format", json::array{json::string(kFhirJson), "json"}},
      {"patchFormat", json::array{json::string(kJsonPatch)}},
      {"rest", json::array{std::move(rest)}}};
}

// R4 marks most of `rest` as no part of a summary: what searches there are, mostly.
json::object summary_of(json::object statement) {
  const auto only_names = [](json::object& of) {
    auto* operations = of.if_contains("operation");
    if (operations == nullptr) return;
    for (auto& operation : operations->as_array()) operation.as_object().erase("documentation");
  };
  for (auto& rest : statement.at("rest").as_array()) {
    auto& of = rest.as_object();
    of.erase("documentation");
    of.erase("interaction");
    if (auto* security = of.if_contains("security")) {
      security->as_object().erase("description");
      if (security->as_object().empty()) of.erase("security");
    }
    only_names(of);
    for (auto& each : of.at("resource").as_array()) {
      auto& resource = each.as_object();
      for (const char* name :
           {"interaction", "versioning", "readHistory", "updateCreate", "conditionalCreate",
            "conditionalRead", "conditionalUpdate", "conditionalDelete", "searchInclude",
            "searchRevInclude", "searchParam"})
        resource.erase(name);
      only_names(resource);
    }
  }
  return statement;
}

// Parts of it are made for each who asks, so that anybody could fill the memory of answers with
// them: they have a little of their own.
http::Response part_of_statement(const Service& service, const http::Request& request,
                                 const ResourceView& view, const SharedText& whole) {
  auto text = shown(view, statement_type(), std::string(whole.view()));
  if (!text) return request_error(request, text.error());
  auto share = std::make_shared<http::MemoryBudget::Share>(*service.public_answers);
  if (const auto held = share->hold(text->capacity()); !held)
    return request_error(request, held.error());
  auto response = fhir_response(200, std::move(*text));
  response.share = std::move(share);
  return response;
}

}  // namespace

http::Response capability_statement(const Service& service, const http::Request& request) {
  const auto view = statement_view(request);
  if (!view) return request_error(request, view.error());
  const std::string base = service.base_url(request);
  if (view->is_summary())
    return part_of_statement(service, request, *view,
                             service.capabilities->of(base + "?_summary", [&] {
                               return json_text(summary_of(statement_of(service, request)));
                             }));
  const SharedText whole =
      service.capabilities->of(base, [&] { return json_text(statement_of(service, request)); });
  if (view->projector(statement_type())) return part_of_statement(service, request, *view, whole);
  http::Response response;
  response.headers.set("Content-Type", std::string(kFhirJson));
  response.body = whole;
  if (view->is_pretty())
    response.body = service.capabilities->of(base + "?_pretty", [&] {
      const auto text = view->laid_out(std::string(whole.view()));
      return text ? *text : std::string(whole.view());
    });
  return response;
}

std::vector<std::string_view> own_definition_ids() {
  std::vector<std::string_view> ids{kImportId};
  for (const auto& operation : kOperations) ids.push_back(operation.id);
  for (const auto& row : kMemberOperations) ids.push_back(row.id);
  for (const auto id : sql_definition_ids()) ids.push_back(id);
  return ids;
}

bool is_own_definition(fhir::ResourceType type, std::string_view id) {
  if (fhir::type_name(type) != "OperationDefinition") return false;
  const auto ids = own_definition_ids();
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

Error own_definition_error(std::string_view id) {
  return {ErrorKind::kMethodNotAllowed,
          fmt::format("OperationDefinition/{} defines an operation of this server and is only read",
                      id)};
}

http::Response operation_definition(const Service& service, const http::Request& request,
                                    std::string_view id) {
  const auto view = read_view(request, definition_type());
  if (!view) return request_error(request, view.error());
  const auto answer = [&](const json::object& definition) {
    return viewed(request, view, definition_type(), definition);
  };
  if (const auto sql = sql_definition(service.base_url(request), id)) return answer(*sql);
  if (id == kImportId) return answer(import_definition(service, request));
  for (const auto& row : kMemberOperations)
    if (row.id == id) return answer(member_definition(service, request, row));
  for (const auto& operation : kOperations) {
    if (operation.id != id) continue;
    json::array parameters;
    for (const auto& parameter : kParameters) {
      if (parameter.is_for_patients && !operation.takes_patients) continue;
      parameters.push_back({{"name", json::string(parameter.name)},
                            {"use", "in"},
                            {"min", 0},
                            {"max", json::string(parameter.max)},
                            {"documentation", json::string(parameter.documentation)},
                            {"type", json::string(parameter.type)}});
    }
    json::object definition{
        {"resourceType", "OperationDefinition"},
        {"id", json::string(id)},
        {"url", fmt::format("{}/OperationDefinition/{}", service.base_url(request), id)},
        {"name", json::string(operation.name)},
        {"title", json::string(operation.title)},
        {"status", "active"},
        {"kind", "operation"},
        {"affectsState", false},
        {"code", "export"},
        {"base", canonical(operation)},
        {"system", operation.type.empty()},
        {"type", !operation.type.empty() && !operation.on_instance},
        {"instance", operation.on_instance},
        {"parameter", std::move(parameters)}};
    if (!operation.type.empty()) definition["resource"] = json::array{json::string(operation.type)};
    return answer(definition);
  }
  return error_response(
      not_found(fmt::format("there is no OperationDefinition/{}", shortened(id, 64))));
}

}  // namespace sluice::api
