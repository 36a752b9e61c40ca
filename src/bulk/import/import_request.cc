#include "bulk/import/import_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

#include "base/json_text.h"
#include "base/shown_url.h"
#include "base/sort_unique.h"
#include "base/utf8.h"
#include "json/json_check.h"
#include "json/json_tokens.h"

namespace sluice::bulk {
namespace {

namespace json = boost::json;

constexpr std::size_t kDepthMax = 20;
constexpr std::size_t kBodySizeMax = 10u << 20;  // some thousand inputs with long signed URLs
constexpr std::size_t kUrlMax = 8u << 10;

std::string shown(std::string_view text) {
  return std::string(shortened(text, 64));
}

// The request before its values are looked at: both forms of the body come down to this.
struct RawImport {
  struct Input {
    std::optional<std::string> type, url;
  };
  std::optional<std::string> format, source, storage_type;
  std::vector<std::string> encodings;
  bool has_storage = false;
  std::vector<Input> inputs;
};

Error twice(std::string_view name) {
  return invalid(fmt::format("{}: it is given twice", name));
}

Result<void> set_once(std::optional<std::string>& member, std::string_view name,
                      std::string value) {
  if (member) return twice(name);
  if (value.empty()) return invalid(fmt::format("{}: it is empty", name));
  member = std::move(value);
  return {};
}

// ---- the Parameters resource ----

// The text of value[x], which must be one of the kinds that are strings in JSON.
Result<std::string> value_of(const json::object& parameter, std::string_view name) {
  std::optional<std::string> value;
  for (const auto& [key, member] : parameter) {
    if (key == "name" || key == "id" || key == "extension" || key.starts_with("_")) continue;
    const bool is_text = key == "valueString" || key == "valueCode" || key == "valueUri" ||
                         key == "valueUrl" || key == "valueCanonical";
    if (!is_text)
      return invalid(fmt::format("{}: '{}' is not supported, a string, code, uri or url is wanted",
                                 name, shown(key)));
    if (value) return invalid(fmt::format("{}: it has two values", name));
    if (!member.is_string()) return invalid(fmt::format("{}: {} is no string", name, shown(key)));
    value = std::string(member.get_string());
  }
  if (!value) return invalid(fmt::format("{}: it has no value", name));
  return *value;
}

Result<std::string> name_of(const json::value& parameter, std::string_view where) {
  if (const auto* object = parameter.if_object())
    if (const auto* name = object->if_contains("name"); name != nullptr && name->is_string())
      return std::string(name->get_string());
  return invalid(fmt::format("{}: an entry is not an object with a name", where));
}

// Calls `take` with each part of a parameter: its name and the part.
template <class Take>
Result<void> each_part(const json::object& parameter, std::string_view name, Take take) {
  const auto* parts = parameter.if_contains("part");
  if (parts == nullptr || !parts->is_array())
    return invalid(fmt::format("{}: it has no part", name));
  for (const auto& [key, member] : parameter)
    if (key != "name" && key != "part" && key != "id" && key != "extension")
      return invalid(fmt::format("{}: '{}' is not supported", name, shown(key)));
  for (const auto& part : parts->get_array()) {
    SLUICE_ASSIGN_OR_RETURN(const auto part_name, name_of(part, name));
    SLUICE_RETURN_IF_ERROR(take(part_name, part.get_object()));
  }
  return {};
}

Result<void> read_storage(const json::object& parameter, RawImport& raw) {
  if (raw.has_storage) return twice("storageDetail");
  raw.has_storage = true;
  return each_part(parameter, "storageDetail",
                   [&](const std::string& name, const json::object& part) -> Result<void> {
                     const std::string path = "storageDetail." + name;
                     if (name == "type") {
                       SLUICE_ASSIGN_OR_RETURN(auto value, value_of(part, path));
                       return set_once(raw.storage_type, path, std::move(value));
                     }
                     if (name == "contentEncoding") {
                       SLUICE_ASSIGN_OR_RETURN(auto value, value_of(part, path));
                       raw.encodings.push_back(std::move(value));
                       return {};
                     }
                     return invalid(fmt::format("storageDetail: '{}' is not known", shown(name)));
                   });
}

Result<void> read_input(const json::object& parameter, RawImport& raw) {
  RawImport::Input input;
  SLUICE_RETURN_IF_ERROR(each_part(
      parameter, "input", [&](const std::string& name, const json::object& part) -> Result<void> {
        const std::string path = "input." + name;
        if (name != "type" && name != "url")
          return invalid(fmt::format("input: '{}' is not known", shown(name)));
        SLUICE_ASSIGN_OR_RETURN(auto value, value_of(part, path));
        return set_once(name == "type" ? input.type : input.url, path, std::move(value));
      }));
  raw.inputs.push_back(std::move(input));
  return {};
}

Result<RawImport> read_parameters_form(const json::object& body) {
  RawImport raw;
  for (const auto& [key, member] : body)
    if (key != "resourceType" && key != "parameter" && key != "id" && key != "meta" &&
        key != "language" && key != "implicitRules")
      return invalid(fmt::format("Parameters: '{}' is not an element of it", shown(key)));
  const auto* list = body.if_contains("parameter");
  if (list == nullptr || !list->is_array()) return invalid("Parameters.parameter is missing");
  for (const auto& parameter : list->get_array()) {
    SLUICE_ASSIGN_OR_RETURN(const auto name, name_of(parameter, "Parameters.parameter"));
    const auto& object = parameter.get_object();
    if (name == "storageDetail") {
      SLUICE_RETURN_IF_ERROR(read_storage(object, raw));
    } else if (name == "input") {
      SLUICE_RETURN_IF_ERROR(read_input(object, raw));
    } else if (name == "inputFormat" || name == "inputSource") {
      SLUICE_ASSIGN_OR_RETURN(auto value, value_of(object, name));
      SLUICE_RETURN_IF_ERROR(
          set_once(name == "inputFormat" ? raw.format : raw.source, name, std::move(value)));
    } else {
      return invalid(
          fmt::format("'{}' is not a parameter of $import that is supported", shown(name)));
    }
  }
  return raw;
}

// ---- the plain JSON object ----

Result<std::string> text_of(const json::value& value, std::string_view name) {
  if (!value.is_string()) return invalid(fmt::format("{}: it is no string", name));
  return std::string(value.get_string());
}

Result<void> read_plain_storage(const json::value& value, RawImport& raw) {
  if (!value.is_object()) return invalid("storageDetail: it is no object");
  raw.has_storage = true;
  for (const auto& [key, member] : value.get_object()) {
    if (key == "type") {
      SLUICE_ASSIGN_OR_RETURN(raw.storage_type, text_of(member, "storageDetail.type"));
    } else if (key == "contentEncoding") {
      if (!member.is_array()) return invalid("storageDetail.contentEncoding: it is no array");
      for (const auto& each : member.get_array()) {
        SLUICE_ASSIGN_OR_RETURN(auto encoding, text_of(each, "storageDetail.contentEncoding"));
        raw.encodings.push_back(std::move(encoding));
      }
    } else {
      return invalid(fmt::format("storageDetail: '{}' is not known", shown(key)));
    }
  }
  return {};
}

Result<RawImport> read_plain_form(const json::object& body) {
  RawImport raw;
  for (const auto& [key, member] : body) {
    if (key == "inputFormat") {
      SLUICE_ASSIGN_OR_RETURN(raw.format, text_of(member, key));
    } else if (key == "inputSource") {
      SLUICE_ASSIGN_OR_RETURN(raw.source, text_of(member, key));
    } else if (key == "storageDetail") {
      SLUICE_RETURN_IF_ERROR(read_plain_storage(member, raw));
    } else if (key == "input") {
      if (!member.is_array()) return invalid("input: it is no array");
      for (const auto& each : member.get_array()) {
        if (!each.is_object()) return invalid("input: an entry is no object");
        RawImport::Input input;
        for (const auto& [name, value] : each.get_object()) {
          if (name != "type" && name != "url")
            return invalid(fmt::format("input: '{}' is not known", shown(name)));
          SLUICE_ASSIGN_OR_RETURN((name == "type" ? input.type : input.url), text_of(value, name));
        }
        raw.inputs.push_back(std::move(input));
      }
    } else {
      return invalid(
          fmt::format("'{}' is not a member of an import that is supported", shown(key)));
    }
  }
  return raw;
}

// ---- what the values must be ----

Result<void> check_storage(const RawImport& raw, const std::string& storage) {
  for (const std::string_view known : {"aws-s3", "gcp-bucket", "azure-blob"})
    if (storage == known)
      return Error{ErrorKind::kUnsupported,
                   fmt::format("storageDetail: type '{}' is not supported, use https with signed "
                               "URLs, or file",
                               storage)};
  if (storage != "https" && storage != "file")
    return invalid(fmt::format("storageDetail: type '{}' is not known", shown(storage)));
  for (const auto& encoding : raw.encodings)
    if (encoding != "gzip" && encoding != "identity")
      return Error{
          ErrorKind::kUnsupported,
          fmt::format("storageDetail: contentEncoding '{}' is not supported", shown(encoding))};
  return {};
}

bool is_printable(std::string_view url) {
  return std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<void> check_url(const std::string& url, const std::string& storage,
                       const ImportRules& rules) {
  const auto bad = [&](std::string_view why) {
    return invalid(fmt::format("input.url '{}': {}", shown_url(url), why));
  };
  if (url.size() > kUrlMax) return bad(fmt::format("it has more than {} bytes", kUrlMax));
  if (!is_printable(url)) return bad("it is not a URL");
  if (storage == "file") {
    static const ImportFolders kNone;
    return (rules.folders == nullptr ? kNone : *rules.folders).check(url);
  }
  const bool is_plain = url.starts_with("http://");
  if (is_plain && !rules.allow_plain_http) return bad("http is not allowed, use https");
  if (!is_plain && !url.starts_with("https://")) return bad("it is not an https URL");
  const std::size_t host = url.find("//") + 2;
  const std::string_view authority =
      std::string_view(url).substr(host, url.find_first_of("/?#", host) - host);
  if (authority.empty()) return bad("it has no host");
  if (authority.find('@') != std::string_view::npos) return bad("it holds a user name or password");
  return {};
}

Result<ImportRequest> check(RawImport raw, const ImportRules& rules) {
  if (!raw.format) return invalid("inputFormat is missing");
  std::string format = *raw.format;
  std::replace(format.begin(), format.end(), ' ', '+');
  if (format != "application/fhir+ndjson" && format != "application/ndjson" && format != "ndjson")
    return invalid(fmt::format("inputFormat '{}' is not supported: use application/fhir+ndjson",
                               shown(*raw.format)));
  ImportRequest request;
  if (raw.source) {
    if (raw.source->size() > kUrlMax || !is_printable(*raw.source) ||
        raw.source->find(':') == std::string::npos)
      return invalid(fmt::format("inputSource '{}' is not a URI", shown_url(*raw.source)));
    request.source = std::move(*raw.source);
  }
  if (raw.has_storage && !raw.storage_type) return invalid("storageDetail: type is missing");
  const std::string storage = raw.storage_type.value_or("https");
  SLUICE_RETURN_IF_ERROR(check_storage(raw, storage));
  if (raw.inputs.empty()) return invalid("input is missing");
  if (raw.inputs.size() > rules.inputs_max)
    return Error{ErrorKind::kTooLarge, fmt::format("{} inputs, but an import has at most {}",
                                                   raw.inputs.size(), rules.inputs_max)};
  for (auto& input : raw.inputs) {
    if (!input.type) return invalid("input: type is missing");
    if (!input.url) return invalid("input: url is missing");
    const auto type = fhir::find_resource_type(*input.type);
    if (!type)
      return invalid(
          fmt::format("input.type '{}' is not a resource type of FHIR R4", shown(*input.type)));
    SLUICE_RETURN_IF_ERROR(check_url(*input.url, storage, rules));
    request.inputs.push_back({*type, std::move(*input.url)});
  }
  return request;
}

}  // namespace

std::vector<fhir::ResourceType> ImportRequest::types() const {
  std::vector<fhir::ResourceType> types;
  for (const auto& input : inputs) types.push_back(input.type);
  sort_unique(types);
  return types;
}

Result<ImportRequest> parse_import_request(std::string_view body, const ImportRules& rules) {
  if (body.size() > kBodySizeMax)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("the body of an import has at most {} bytes", kBodySizeMax)};
  // As strict as for resources: no duplicate keys, valid UTF-8, bounded depth.
  fhir::JsonTokens tokens;
  SLUICE_RETURN_IF_ERROR(tokens.read(body));
  SLUICE_RETURN_IF_ERROR(fhir::check_json_object(tokens, kDepthMax));
  boost::system::error_code failed;
  const auto value = json::parse(json::string_view(body.data(), body.size()), failed);
  if (failed || !value.is_object()) return invalid("the body is not a JSON object");
  const auto& object = value.get_object();
  const auto* type = object.if_contains("resourceType");
  if (type != nullptr && (!type->is_string() || type->get_string() != "Parameters"))
    return invalid("the body's resourceType is not Parameters");
  auto raw = type != nullptr ? read_parameters_form(object) : read_plain_form(object);
  if (!raw) return raw.error();
  return check(std::move(*raw), rules);
}

std::string serialize(const ImportRequest& request) {
  json::array inputs;
  for (const auto& input : request.inputs)
    inputs.push_back({{"type", json::string(fhir::type_name(input.type))}, {"url", input.url}});
  json::object stored{{"url", request.url},
                      {"base", request.base_url},
                      {"source", request.source},
                      {"separate", request.separate_export_status},
                      {"lenient", request.leniency == fhir::Leniency::kLenient},
                      {"inputs", std::move(inputs)}};
  if (request.searchable) {
    json::array types;
    for (const auto type : *request.searchable)
      types.push_back(json::string(fhir::type_name(type)));
    stored["searchable"] = std::move(types);
  }
  return json_text(stored);
}

Result<ImportRequest> parse_stored_import(std::string_view text) {
  try {
    const auto object = stored_object(text);
    ImportRequest request;
    request.url = object.at("url").as_string();
    request.base_url = object.at("base").as_string();
    request.source = object.at("source").as_string();
    request.separate_export_status = object.at("separate").as_bool();
    // Imports of earlier versions did not validate.
    const auto* lenient = object.if_contains("lenient");
    if (lenient == nullptr || lenient->as_bool()) request.leniency = fhir::Leniency::kLenient;
    if (const auto* types = object.if_contains("searchable")) {
      request.searchable.emplace();
      for (const auto& name : types->as_array())
        if (const auto type = fhir::find_resource_type(name.as_string()))
          request.searchable->push_back(*type);
    }
    for (const auto& each : object.at("inputs").as_array()) {
      const auto type = fhir::find_resource_type(each.at("type").as_string());
      if (!type) return corrupt("a stored import cannot be read", "type");
      request.inputs.push_back({*type, std::string(each.at("url").as_string())});
    }
    return request;
  } catch (const std::exception& e) {
    return corrupt("a stored import cannot be read", e.what());
  }
}

Result<std::shared_ptr<const ImportRequest>> import_request_of(const job::Job& job) {
  return job.request.read<ImportRequest>({.parse = parse_stored_import});
}

}  // namespace sluice::bulk
