#include "api/jobs/sql_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "api/core/request_headers.h"
#include "api/core/resource_headers.h"
#include "base/sort_unique.h"
#include "base/utf8.h"
#include "bulk/export/job/export_job.h"
#include "bulk/export/request/export_patients.h"
#include "fhir/reference.h"
#include "parquet/library.h"

namespace sluice::api {
namespace {

constexpr std::size_t kSubjectsMax = 32;
constexpr std::size_t kGroupsMax = 100;
constexpr std::size_t kTextMax = 256;

std::string shown(std::string_view text) {
  return std::string(shortened(text, 128));
}

SqlError at(std::string_view parameter, Error error, std::string_view code = {}) {
  return {std::move(error), {.code = code, .expression = std::string(parameter)}};
}
SqlError invalid_at(std::string_view parameter, std::string_view what) {
  return at(parameter, invalid(fmt::format("{}: {}", parameter, what)));
}
SqlError unsupported_at(std::string_view parameter, std::string_view what) {
  return at(parameter,
            {ErrorKind::kUnsupported, fmt::format("the parameter '{}' {}", parameter, what)});
}

class Reader {
 public:
  Reader(const Service& service, const http::Request& request, SqlOperation operation)
      : request_(request),
        base_url_(service.base_url(request)),
        operation_(operation),
        subject_(operation.is_former ? "view" : "subject"),
        canonical_(fmt::format("{}Canonical", subject_)),
        reference_(fmt::format("{}Reference", subject_)),
        resource_(fmt::format("{}Resource", subject_)) {}

  SqlResult<SqlRequest> read() {
    SLUICE_ASSIGN_OR_RETURN(const auto parameters, parameters_of_request());
    for (const auto& parameter : parameters) SLUICE_RETURN_IF_ERROR(take(parameter));
    SLUICE_RETURN_IF_ERROR(finish());
    return std::move(out_);
  }

 private:
  SqlResult<std::vector<fhir::NestedParameter>> parameters_of_request() const {
    std::vector<fhir::NestedParameter> parameters;
    for (const auto& [name, value] : request_.query) parameters.push_back({{name, value, "query"}});
    if (request_.method != "POST" || request_.body.empty()) return parameters;
    const std::string type = content_type(request_);
    SLUICE_RETURN_IF_ERROR(check_json_type(type));
    SLUICE_ASSIGN_OR_RETURN(auto body, fhir::read_nested_parameters(json_body(request_)));
    std::move(body.begin(), body.end(), std::back_inserter(parameters));
    return parameters;
  }

  SqlResult<void> take(const fhir::NestedParameter& parameter) {
    const std::string& name = parameter.value.name;
    if (operation_.is_export && name == subject_ && !operation_.names_view)
      return take_subject(parameter);
    if (!operation_.is_export && is_subject_part(name)) return take_subject_part(parameter, flat_);
    if (name == "resource" && !operation_.is_export) return take_resource(parameter);
    if (name == "parameters")
      return invalid_at(name, "a ViewDefinition declares no parameters to give values to");
    if (name == "context")
      return invalid_at(name, "a ViewDefinition depends on nothing that could be given");
    if (name == "source")
      return unsupported_at(name, "is not supported: the data of this server is read");
    if (name == "patient" || name == "group") return take_reference(parameter);
    if (name == "_format" || name == "header" || name == "_since" || name == "_limit" ||
        name == "clientTrackingId")
      return take_option(parameter.value);
    return unsupported_at(shown(name), "is not known");
  }

  bool is_subject_part(std::string_view name) const {
    return name == canonical_ || name == reference_ || name == resource_;
  }

  SqlResult<void> take_subject(const fhir::NestedParameter& parameter) {
    SqlSubject subject;
    forms_ = 0;
    for (const auto& part : parameter.parts) {
      const std::string& name = part.value.name;
      if (name == "name") {
        SLUICE_ASSIGN_OR_RETURN(subject.name, text_of(part.value));
        if (!is_valid_name(subject.name))
          return invalid_at(subject_, fmt::format("name '{}' is empty, has more than {} bytes or "
                                                  "control characters",
                                                  shown(subject.name), kTextMax));
      } else if (is_subject_part(name)) {
        SLUICE_RETURN_IF_ERROR(take_subject_part(part, subject));
      } else if (name == "parameters") {
        return invalid_at(name, "a ViewDefinition declares no parameters to give values to");
      } else {
        return unsupported_at(subject_,
                              fmt::format("has a part '{}', which is not known", shown(name)));
      }
    }
    SLUICE_RETURN_IF_ERROR(check_forms());
    if (out_.subjects.size() == kSubjectsMax)
      return invalid_at(subject_, fmt::format("there are more than {}", kSubjectsMax));
    out_.subjects.push_back(std::move(subject));
    return {};
  }

  static bool is_valid_name(std::string_view name) {
    return !name.empty() && name.size() <= kTextMax &&
           std::none_of(name.begin(), name.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  }

  SqlResult<void> check_forms() const {
    if (forms_ == 1) return {};
    if (forms_ > 1)
      return invalid_at(subject_, fmt::format("only one of {}, {} and {} can be given", canonical_,
                                              reference_, resource_));
    return at(
        subject_,
        invalid(fmt::format("one of {}, {} and {} is needed", canonical_, reference_, resource_)),
        operation_.is_export ? "" : "required");
  }

  SqlResult<void> take_subject_part(const fhir::NestedParameter& parameter, SqlSubject& subject) {
    const std::string& name = parameter.value.name;
    if (operation_.names_view)
      return invalid_at(name, "the address names the ViewDefinition already");
    ++forms_;
    if (name == resource_) {
      if (parameter.value.kind == "query") return only_by_post(name);
      if (parameter.resource.empty()) return invalid_at(name, "it has no resource");
      subject.resource = parameter.resource;
      return {};
    }
    SLUICE_ASSIGN_OR_RETURN(auto text, text_of(parameter.value));
    (name == canonical_ ? subject.canonical : subject.reference) = std::move(text);
    return {};
  }

  static SqlError only_by_post(std::string_view name) {
    return invalid_at(name, "a resource comes in the body of a POST");
  }

  SqlResult<void> take_resource(const fhir::NestedParameter& parameter) {
    if (parameter.value.kind == "query") return only_by_post("resource");
    if (parameter.resource.empty()) return invalid_at("resource", "it has no resource");
    out_.resources.push_back(parameter.resource);
    return {};
  }

  SqlResult<std::string> text_of(const fhir::Parameter& parameter) const {
    if (parameter.kind.empty() || parameter.value.empty())
      return invalid_at(parameter.name, "it has no value");
    return parameter.value;
  }

  SqlResult<void> take_reference(const fhir::NestedParameter& parameter) {
    const std::string& name = parameter.value.name;
    const bool is_patient = name == "patient";
    const auto type = is_patient ? fhir::types::kPatient : fhir::types::kGroup;
    SLUICE_ASSIGN_OR_RETURN(const auto text, text_of(parameter.value));
    auto& ids = is_patient ? out_.patients : out_.groups;
    if (ids.size() == (is_patient ? bulk::kPatientsMax : kGroupsMax))
      return invalid_at(name, fmt::format("there are more than {}", ids.size()));
    const auto reference = fhir::parse_reference(text, base_url_);
    if (reference && reference->type == type)
      ids.emplace_back(reference->id);
    else if (!reference && fhir::is_valid_id(text))
      ids.push_back(text);
    else
      return invalid_at(
          name, fmt::format("'{}' is not a reference to a {}", shown(text), fhir::type_name(type)));
    return {};
  }

  SqlResult<void> take_option(const fhir::Parameter& parameter) {
    const std::string& name = parameter.name;
    SLUICE_ASSIGN_OR_RETURN(const auto text, text_of(parameter));
    if (std::find(seen_.begin(), seen_.end(), name) != seen_.end())
      return invalid_at(name, "it is given twice");
    seen_.push_back(name);
    if (name == "_format") return take_format(text);
    if (name == "header") {
      if (text != "true" && text != "false")
        return invalid_at(name, fmt::format("'{}' is not true or false", shown(text)));
      out_.csv_header = text == "true";
      return {};
    }
    if (name == "_since") {
      const auto instant = parse_fhir_instant(text);
      if (!instant) return invalid_at(name, instant.error().message);
      out_.since = *instant;
      return {};
    }
    if (name == "_limit") return take_limit(text);
    if (!operation_.is_export)
      return unsupported_at(name, "is not supported: only an export is a job");
    if (!is_valid_name(text))
      return invalid_at(name,
                        fmt::format("it has more than {} bytes or control characters", kTextMax));
    out_.tracking_id = text;
    return {};
  }

  SqlResult<void> take_limit(const std::string& text) {
    if (operation_.is_export)
      return invalid_at("_limit", "an export has all rows; it is for $sql-run");
    std::uint64_t rows = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), rows);
    if (failed != std::errc() || end != text.data() + text.size())
      return invalid_at("_limit", fmt::format("'{}' is not a number of rows", shown(text)));
    out_.rows_max = rows;
    return {};
  }

  SqlResult<void> take_format(std::string text) {
    // A '+' that was not escaped in a query arrives as a space.
    std::replace(text.begin(), text.end(), ' ', '+');
    if (text == "fhir" || text == kFhirJson) {
      if (operation_.is_export)
        return invalid_at("_format", fmt::format("'{}' is not a format of files", text));
      return at("_format", {ErrorKind::kUnsupported,
                            fmt::format("_format '{}' is not supported: use ndjson, json, csv or "
                                        "parquet",
                                        text)});
    }
    out_.format = table::find_format(text);
    if (!out_.format)
      return at("_format", {ErrorKind::kUnsupported,
                            fmt::format("_format '{}' is not supported: use ndjson, json, csv or "
                                        "parquet",
                                        shown(text))});
    if (out_.format != table::Format::kParquet) return {};
    if (const auto library = parquet::library(); !library)
      return at("_format",
                {ErrorKind::kUnsupported, fmt::format("_format '{}' is not supported here: {}",
                                                      text, library.error().message)});
    return {};
  }

  SqlResult<void> finish() {
    if (operation_.names_view) {
      out_.subjects.push_back(
          {.reference = fmt::format("ViewDefinition/{}", request_.parameter("id"))});
    } else if (!operation_.is_export) {
      SLUICE_RETURN_IF_ERROR(check_forms());
      out_.subjects.push_back(std::move(flat_));
    } else if (out_.subjects.empty()) {
      return at(subject_, invalid(fmt::format("the parameter '{}' is needed", subject_)),
                "required");
    }
    if (!out_.resources.empty() &&
        (!out_.patients.empty() || !out_.groups.empty() || out_.since.has_value()))
      return at("resource",
                {ErrorKind::kUnsupported,
                 "the parameter 'resource' is not supported together with patient, group or "
                 "_since: the resources that are given are read"});
    sort_unique(out_.patients);
    sort_unique(out_.groups);
    return {};
  }

  const http::Request& request_;
  const std::string base_url_;
  const SqlOperation operation_;
  const std::string subject_;
  const std::string canonical_;
  const std::string reference_;
  const std::string resource_;
  SqlRequest out_;
  SqlSubject flat_;  // of a run
  int forms_ = 0;    // in which the subject at hand is named
  std::vector<std::string> seen_;
};

}  // namespace

http::Response sql_refusal(const http::Request& request, const SqlError& error) {
  return request_error(request, error.error, error.shape);
}

SqlResult<SqlRequest> read_sql_request(const Service& service, const http::Request& request,
                                       SqlOperation operation) {
  return Reader(service, request, operation).read();
}

SqlResult<void> check_sql_filters(const Service& service, const bulk::ExportRequest& request,
                                  const store::Commit& snapshot, const query::Bounds& bounds) {
  if (auto groups = bulk::check_groups_of(service.store, request, snapshot, bounds); !groups)
    return SqlError(
        groups.error(),
        {.status = groups.error().kind == ErrorKind::kNotFound ? 400 : 0, .expression = "group"});
  SLUICE_ASSIGN_OR_RETURN(const auto patients,
                          bulk::known_patients(service.store, request, snapshot, bounds));
  if (!patients.missing.empty())
    return SqlError(not_found(patients.missing), {.status = 400, .expression = "patient"});
  if (request.patients && request.level == bulk::ExportLevel::kGroup)
    if (auto members = bulk::read_patient_set(service.store, request, snapshot); !members)
      return SqlError(members.error(), {.expression = "patient"});
  return {};
}

}  // namespace sluice::api
