#include "client/protocol/pull_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "base/instant.h"
#include "base/json_text.h"
#include "client/http/url.h"
#include "fhir/resource_type.h"

namespace sluice::client {
namespace {

namespace json = boost::json;

constexpr const char* kAssociatedDataSystem =
    "http://hl7.org/fhir/uv/bulkdata/CodeSystem/include-associated-data";

// A parameter's name, the FHIR type of its value, the value.
struct Part {
  const char* name;
  const char* kind;
  std::string value;
};

std::string joined(const std::vector<std::string>& values) {
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : ",") + value;
  return out;
}

std::vector<Part> parts_of(const PullRequest& request, const VendorProfile& vendor,
                           PostDialect dialect) {
  const bool repeats = dialect == PostDialect::kRepeated;
  std::vector<Part> parts;
  const auto add = [&](const char* name, const char* kind, std::string value) {
    if (!value.empty()) parts.push_back({name, kind, std::move(value)});
  };
  add("_outputFormat", "valueString", request.output_format);
  add("_since", "valueInstant", request.since);
  add("_until", "valueInstant", request.until);
  const auto add_list = [&](const char* name, const char* kind,
                            const std::vector<std::string>& values, bool is_joined) {
    if (is_joined) return add(name, kind, joined(values));
    for (const auto& value : values) add(name, kind, value);
  };
  // In older servers one value with commas: some refuse a repeated _type, all understand this.
  add_list("_type", "valueString", request.types, !repeats);
  add_list("_elements", "valueString", request.elements, !repeats);
  add_list("_typeFilter", "valueString", request.type_filters,
           !repeats && vendor.joins_type_filters);
  for (const auto& patient : request.patients)
    add("patient", "valueReference",
        patient.find('/') == std::string::npos ? "Patient/" + patient : patient);
  add_list("includeAssociatedData", repeats ? "valueCoding" : "valueString",
           request.associated_data, !repeats);
  add("organizeOutputBy", "valueString", request.organize_output_by);
  if (request.allows_partial_manifests) add("allowPartialManifests", "valueBoolean", "true");
  const char* const size_kind = repeats ? "valuePositiveInt" : "valueInteger";
  add("_minimumFileSize", size_kind, request.file_size_min);
  add("_maximumFileSize", size_kind, request.file_size_max);
  return parts;
}

constexpr std::pair<const char*, std::string PullRequest::*> kTexts[] = {
    {"base", &PullRequest::base},
    {"group", &PullRequest::group},
    {"since", &PullRequest::since},
    {"until", &PullRequest::until},
    {"outputFormat", &PullRequest::output_format},
    {"organizeOutputBy", &PullRequest::organize_output_by},
    {"fileSizeMin", &PullRequest::file_size_min},
    {"fileSizeMax", &PullRequest::file_size_max},
};
constexpr std::pair<const char*, std::vector<std::string> PullRequest::*> kLists[] = {
    {"types", &PullRequest::types},
    {"typeFilters", &PullRequest::type_filters},
    {"elements", &PullRequest::elements},
    {"patients", &PullRequest::patients},
    {"associatedData", &PullRequest::associated_data},
};
constexpr std::pair<const char*, bool PullRequest::*> kFlags[] = {
    {"patientLevel", &PullRequest::is_patient_level},
    {"partialManifests", &PullRequest::allows_partial_manifests},
};

Result<void> check_size(const char* option, const std::string& value) {
  if (value.empty() ||
      (value.size() <= 18 && value.find_first_not_of("0123456789") == std::string::npos))
    return {};
  return invalid(fmt::format("--{} '{}' is not a number of bytes", option, value));
}

}  // namespace

Result<void> check(const PullRequest& request) {
  SLUICE_RETURN_IF_ERROR(resolve_url("", request.base));
  if (request.base.find_first_of("?#") != std::string::npos)
    return invalid("the FHIR base has a query: give the base alone");
  if (!request.group.empty() && !fhir::is_valid_id(request.group))
    return invalid(fmt::format("--group '{}' is not an id", request.group.substr(0, 80)));
  if (!request.group.empty() && request.is_patient_level)
    return invalid("--group and --all-patients exclude each other");
  if (!request.patients.empty() && request.group.empty() && !request.is_patient_level)
    return invalid("--patient limits a Group or Patient export: add --group ID or --all-patients");
  for (const auto& type : request.types)
    if (type.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") !=
        std::string::npos)
      return invalid(fmt::format("--type '{}' is not the name of a type", type.substr(0, 80)));
  for (const auto& [option, value] :
       {std::pair{"since", &request.since}, {"until", &request.until}})
    if (!value->empty() && !parse_fhir_instant(*value))
      return invalid(fmt::format("--{} '{}' is not an instant", option, value->substr(0, 80)));
  SLUICE_RETURN_IF_ERROR(check_size("minimum-file-size", request.file_size_min));
  return check_size("maximum-file-size", request.file_size_max);
}

std::string kick_off_url(const PullRequest& request) {
  if (!request.group.empty()) return request.base + "/Group/" + request.group + "/$export";
  return request.base + (request.is_patient_level ? "/Patient/$export" : "/$export");
}

std::string kick_off_query(const PullRequest& request, const VendorProfile& vendor) {
  std::string url = kick_off_url(request);
  for (const auto& part : parts_of(request, vendor, PostDialect::kJoined))
    append_query(url, part.name, part.value);
  return url;
}

PostDialect first_dialect(const VendorProfile& vendor) {
  return vendor.is_stu4 ? PostDialect::kRepeated : PostDialect::kJoined;
}

std::string kick_off_body(const PullRequest& request, const VendorProfile& vendor,
                          PostDialect dialect) {
  json::array parameters;
  for (const auto& part : parts_of(request, vendor, dialect)) {
    json::object parameter{{"name", part.name}};
    const std::string_view kind = part.kind;
    if (kind == "valueReference")
      parameter[kind] = json::object{{"reference", part.value}};
    else if (kind == "valueBoolean")
      parameter[kind] = true;
    else if (kind == "valueCoding")
      parameter[kind] = json::object{{"system", kAssociatedDataSystem}, {"code", part.value}};
    else if (kind == "valueInteger" || kind == "valuePositiveInt")
      parameter[kind] = std::stoll(part.value);
    else
      parameter[kind] = part.value;
    parameters.push_back(std::move(parameter));
  }
  json::object body{{"resourceType", "Parameters"}};
  if (!parameters.empty()) body["parameter"] = std::move(parameters);
  return json_text(body);
}

json::object to_json(const PullRequest& request) {
  json::object out;
  for (const auto& [name, field] : kTexts)
    if (!(request.*field).empty()) out[name] = request.*field;
  for (const auto& [name, field] : kLists)
    if (!(request.*field).empty()) {
      json::array list;
      for (const auto& value : request.*field) list.emplace_back(value);
      out[name] = std::move(list);
    }
  for (const auto& [name, field] : kFlags)
    if (request.*field) out[name] = true;
  return out;
}

Result<PullRequest> parse_pull_request(const json::object& object) {
  PullRequest request;
  for (const auto& [name, field] : kTexts)
    if (const auto* value = object.if_contains(name)) {
      if (!value->is_string()) return corrupt("the journal's request is damaged", name);
      request.*field = std::string(value->get_string());
    }
  for (const auto& [name, field] : kLists)
    if (const auto* value = object.if_contains(name)) {
      if (!value->is_array()) return corrupt("the journal's request is damaged", name);
      for (const auto& element : value->get_array()) {
        if (!element.is_string()) return corrupt("the journal's request is damaged", name);
        (request.*field).emplace_back(element.get_string());
      }
    }
  for (const auto& [name, field] : kFlags)
    if (const auto* value = object.if_contains(name))
      request.*field = value->is_bool() && value->get_bool();
  return request;
}

}  // namespace sluice::client
