// The views that $sql-run and $sql-export are asked for: found, compiled, named.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "api/core/access.h"
#include "api/jobs/sql_request.h"
#include "base/sort_unique.h"
#include "base/utf8.h"
#include "bulk/table/stored_views.h"
#include "fhir/additional_resources.h"
#include "fhir/reference.h"

namespace sluice::api {
namespace {

namespace json = boost::json;

SqlError bad_subject(std::string message) {
  return {{ErrorKind::kUnprocessable, std::move(message)},
          {.code = "invalid", .expression = "subject"}};
}

bool has_code(const json::object& library, std::string_view code) {
  const auto* const type = library.if_contains("type");
  const auto* const codings =
      type != nullptr && type->is_object() ? type->get_object().if_contains("coding") : nullptr;
  if (codings == nullptr || !codings->is_array()) return false;
  return std::any_of(codings->get_array().begin(), codings->get_array().end(), [&](const auto& c) {
    const auto* const found = c.is_object() ? c.get_object().if_contains("code") : nullptr;
    return found != nullptr && found->is_string() && std::string_view(found->get_string()) == code;
  });
}

// A SQLQuery or SQLView needs an SQL engine, which is not here. Anything else is no subject.
SqlResult<void> check_kind(std::string_view text) {
  boost::system::error_code failed;
  const auto resource = json::parse(text, failed);
  const auto* const object = failed ? nullptr : resource.if_object();
  const auto* const type = object == nullptr ? nullptr : object->if_contains("resourceType");
  const std::string_view name = type != nullptr && type->is_string()
                                    ? std::string_view(type->get_string())
                                    : std::string_view();
  if (name == "ViewDefinition") return {};
  if (name == "Library") {
    for (const auto& [code, profile] :
         {std::pair("sql-query", "SQLQuery"), {"sql-view", "SQLView"}})
      if (has_code(*object, code))
        return SqlError(
            {ErrorKind::kUnsupported,
             fmt::format("the subject is a {}, which is not supported: ViewDefinitions are",
                         profile)},
            {.expression = "subject"});
    return bad_subject("the subject is a Library, but neither a SQLQuery nor a SQLView");
  }
  return bad_subject(
      fmt::format("the subject is not a ViewDefinition but '{}'", shortened(name, 64)));
}

SqlError at_subject(Error error) {
  return {std::move(error), {.expression = "subject"}};
}

/// Finds what subjects name as of the newest commit, as far as the client may read it.
class Finder {
 public:
  Finder(const Service& service, const http::Request& request, const Principal& principal)
      : service_(service), request_(request), principal_(principal) {}

  SqlResult<std::string> definition_of(const SqlSubject& subject) const {
    if (!subject.resource.empty()) return subject.resource;
    if (subject.canonical.empty()) {
      const auto reference = fhir::parse_reference(subject.reference, base_url_);
      if (reference && reference->type != fhir::types::kViewDefinition)
        return other_resource(*reference);
    }
    // As for the views of $export: they tell of no patient, so clients of Groups use them too.
    if (principal_.claims != nullptr &&
        !principal_.claims->scopes.permissions_for_some(fhir::types::kViewDefinition)
             .all_of({smart::Permissions::kRead}))
      return at_subject(not_covered("ViewDefinition"));
    const bulk::StoredViewScope scope{service_.store, as_of_, base_url_,
                                      [this](std::string_view json) { return covers_view(json); }};
    auto found = subject.canonical.empty() ? bulk::find_view_by_reference(scope, subject.reference)
                                           : bulk::find_view_by_canonical(scope, subject.canonical);
    if (!found) return at_subject(found.error());
    return std::move(found->json);
  }

 private:
  Result<bool> covers_view(std::string_view json) const {
    return covers(service_, request_, principal_, fhir::types::kViewDefinition,
                  {smart::Permissions::kRead}, json);
  }

  // A Library is told what it is; of anything else that is enough.
  SqlResult<std::string> other_resource(const fhir::ReferenceView& reference) const {
    const auto library = *fhir::find_resource_type("Library");
    if (reference.type != library)
      return bad_subject(fmt::format("the subject is not a ViewDefinition but a {}",
                                     fhir::type_name(reference.type)));
    if (auto allowed = authorize_resource(principal_, library, {smart::Permissions::kRead});
        !allowed)
      return at_subject(allowed.error());
    SLUICE_ASSIGN_OR_RETURN(const auto record,
                            service_.store.read({library, std::string(reference.id)}, as_of_));
    bool is_seen = record.has_value();
    if (is_seen) {
      SLUICE_ASSIGN_OR_RETURN(is_seen, covers(service_, request_, principal_, library,
                                              {smart::Permissions::kRead}, record->json));
    }
    if (!is_seen) return at_subject(not_found(fmt::format("there is no Library/{}", reference.id)));
    return record->json;
  }

  const Service& service_;
  const http::Request& request_;
  const Principal& principal_;
  const std::string base_url_ = service_.base_url(request_);
  const store::Sequence as_of_ = service_.store.last_commit().sequence;
};

SqlResult<table::View> compile(const std::string& definition) {
  SLUICE_RETURN_IF_ERROR(check_kind(definition));
  auto view = table::View::compile(definition);
  if (!view) return bad_subject(view.error().message);
  return std::move(*view);
}

}  // namespace

SqlResult<bulk::ExportRequest> export_of(const Service& service, const http::Request& request,
                                         const Principal& principal, const SqlRequest& asked,
                                         table::Format format) {
  bulk::ExportRequest out;
  bulk::TablesRequest& tables = out.tables.emplace();
  tables.format = format;
  tables.csv_header = asked.csv_header;
  tables.tracking_id = asked.tracking_id;
  std::set<std::string> names;
  const Finder finder(service, request, principal);
  for (const auto& subject : asked.subjects) {
    SLUICE_ASSIGN_OR_RETURN(auto definition, finder.definition_of(subject));
    SLUICE_ASSIGN_OR_RETURN(const auto view, compile(definition));
    std::string name = subject.name.empty() ? view.name() : subject.name;
    if (name.empty()) name = fmt::format("table-{}", tables.tables.size() + 1);
    if (!names.insert(name).second)
      return SqlError(invalid(fmt::format("two subjects would have the output name '{}': give one "
                                          "of them a name",
                                          shortened(name, 128))),
                      {.expression = "subject"});
    out.types.push_back(view.type());
    tables.tables.push_back({std::move(name), std::move(definition)});
  }
  sort_unique(out.types);
  out.since = asked.since;
  if (!asked.patients.empty()) out.patients = asked.patients;
  if (!asked.groups.empty()) {
    out.level = bulk::ExportLevel::kGroup;
    out.group_id = asked.groups.front();
    out.other_groups.assign(asked.groups.begin() + 1, asked.groups.end());
    out.history_of_new_members = service.options.history_of_new_members;
  } else if (out.patients) {
    out.level = bulk::ExportLevel::kPatient;
  }
  out.base_url = service.base_url(request);
  const std::string path = request.path.substr(std::min(kFhirPath.size(), request.path.size()));
  out.url = out.base_url + path;
  return out;
}

}  // namespace sluice::api
