#include "api/jobs/sql_export_handler.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <utility>

#include "api/core/access.h"
#include "api/core/fhir_response.h"
#include "api/core/request_headers.h"
#include "api/jobs/export_access.h"
#include "api/jobs/export_report.h"
#include "api/jobs/job_kickoff.h"
#include "api/jobs/job_status.h"
#include "api/jobs/sql_request.h"
#include "base/json_text.h"
#include "base/log.h"
#include "bulk/export/job/export_job.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/stored_export.h"

namespace sluice::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kPage = 200;

void add(json::array& parameters, std::string_view name, const char* kind, json::value value) {
  parameters.push_back(json::object{{"name", json::string(name)}, {kind, std::move(value)}});
}

// What every answer about a job begins with.
json::array parameters_of(const bulk::ExportRequest& asked, const std::string& job_id,
                          std::string_view status) {
  const std::string location = status_url(asked.base_url, job_id);
  json::array parameters;
  add(parameters, "exportId", "valueString", json::string(job_id));
  if (!asked.tables->tracking_id.empty())
    add(parameters, "clientTrackingId", "valueString", json::string(asked.tables->tracking_id));
  add(parameters, "status", "valueCode", json::string(status));
  add(parameters, "location", "valueUri", json::string(location));
  // A DELETE there.
  add(parameters, "cancelUrl", "valueUri", json::string(location));
  add(parameters, "_format", "valueCode", json::string(table::name_of(asked.tables->format)));
  return parameters;
}

std::string text_of(json::array parameters) {
  return json_text(
      json::object{{"resourceType", "Parameters"}, {"parameter", std::move(parameters)}});
}

SqlResult<job::Job> start(Service& service, const http::Request& request,
                          const Principal& principal, bulk::ExportRequest& asked) {
  const auto bounds = slow_bounds(service, request, slot_of(service, request));
  std::optional<SqlError> refused;  // with what the engine's errors do not tell
  auto job = start_job(
      service, request, principal,
      {.kind = bulk::ExportJobs::kTablesName,
       .authorize = [&] { return authorize_export(principal, asked); },
       .request = [&](const store::Commit& snapshot) -> Result<std::string> {
         if (auto checked = check_sql_filters(service, asked, snapshot, bounds); !checked) {
           refused = checked.error();
           return refused->error;
         }
         return serialize(asked);
       },
       .event = {.kind = smart::AuditKind::kKickOff,
                 .request = asked.url,
                 .scope = principal.claims ? principal.claims->scopes.to_string() : ""}});
  if (refused) return std::move(*refused);
  if (!job) return SqlError(job.error());
  return std::move(*job);
}

SqlResult<http::Response> kick_off(Service& service, const http::Request& request,
                                   const Principal& principal, SqlOperation operation) {
  if (request.method != "POST")
    return SqlError(invalid("this operation makes a job: it is a POST"), {.code = "required"});
  SLUICE_ASSIGN_OR_RETURN(const auto preferences, begin_kick_off(service, request, principal));
  if (!preferences.respond_async)
    return SqlError(invalid("this operation is asynchronous: send Prefer: respond-async"),
                    {.code = "required"});
  SLUICE_ASSIGN_OR_RETURN(const auto read, read_sql_request(service, request, operation));
  SLUICE_ASSIGN_OR_RETURN(auto asked, export_of(service, request, principal, read,
                                                read.format.value_or(table::Format::kNdjson)));
  SLUICE_ASSIGN_OR_RETURN(const auto job, start(service, request, principal, asked));
  spdlog::info("kick-off id={} job={} tables={} sequence={}", request.id, job.id,
               asked.tables->tables.size(), job.snapshot.sequence.value);
  auto response = fhir_response(202, text_of(parameters_of(asked, job.id, "accepted")));
  response.headers.set("Content-Location", status_url(asked.base_url, job.id));
  return response;
}

http::Response sql_export_kickoff(Service& service, const http::Request& request,
                                  const Principal& principal, SqlOperation operation) {
  auto response = kick_off(service, request, principal, operation);
  if (!response) return sql_refusal(request, response.error());
  return std::move(*response);
}

// The URLs of the files of each table, by its name.
using Locations = std::map<std::string, json::array, std::less<>>;
Result<Locations> locations_of(const Service& service, const Principal& principal,
                               const job::JobView& view, const bulk::ExportRequest& asked) {
  const std::string url = files_url(asked.base_url, view.job.id);
  const auto suffix = file_url_suffix(service, principal, view.job);
  Locations locations;
  for (job::ShardPosition next;;) {
    SLUICE_ASSIGN_OR_RETURN(const auto page, service.engine.shards(view.job.id, next, kPage));
    if (page.empty()) return locations;
    for (const auto& shard : page) {
      SLUICE_ASSIGN_OR_RETURN(const auto result, bulk::parse_shard_result(shard.result));
      for (const auto& file : result.files) {
        std::string end;
        if (suffix) {
          SLUICE_ASSIGN_OR_RETURN(end, suffix(file.name));
        }
        json::object location{{"name", "location"}};
        location["valueUri"] = fmt::format("{}{}{}", url, file.name, end);
        locations[file.table].push_back(std::move(location));
      }
    }
    next = {page.back().phase, page.back().number + 1};
  }
}

class SqlExportHandler final : public JobHandler {
 public:
  std::string_view name() const override { return bulk::ExportJobs::kTablesName; }
  JobWords words() const override {
    return {
        .failed = "The export failed", .progress = "exported", .deleted = "The export is deleted"};
  }

  // The former name had levels of types and instances too.
  std::vector<JobRoute> routes() const override {
    std::vector<JobRoute> routes;
    const auto add_kick_off = [&](std::string_view pattern, SqlOperation operation) {
      for (const std::string_view method : {"GET", "POST"})
        routes.push_back({method, pattern, "sql_export",
                          [operation](auto& service, const auto& request, const auto& principal) {
                            return sql_export_kickoff(service, request, principal, operation);
                          }});
    };
    add_kick_off("/fhir/$sql-export", {.is_export = true});
    const SqlOperation former{.is_export = true, .is_former = true};
    add_kick_off("/fhir/$viewdefinition-export", former);
    add_kick_off("/fhir/ViewDefinition/$viewdefinition-export", former);
    add_kick_off("/fhir/ViewDefinition/{id}/$viewdefinition-export",
                 {.is_export = true, .is_former = true, .names_view = true});
    return routes;
  }

  Result<JobTraits> traits(const job::Job& job) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto stored, stored_of(job));
    return JobTraits{.result_url = result_url(stored->request.base_url, job.id)};
  }

  Result<void> authorize(const Principal& principal, const job::Job& job) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto stored, stored_of(job));
    return authorize_export_job(principal, *stored);
  }

  Result<http::Response> result(const Service& service, const http::Request&,
                                const Principal& principal,
                                const job::JobView& view) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto stored, stored_of(view.job));
    const bulk::ExportRequest& asked = stored->request;
    SLUICE_ASSIGN_OR_RETURN(auto locations, locations_of(service, principal, view, asked));
    const Instant start = view.job.snapshot.instant;
    const Instant end = view.job.finished;
    auto parameters = parameters_of(asked, view.job.id, "completed");
    add(parameters, "exportStartTime", "valueInstant", json::string(to_fhir_instant(start)));
    add(parameters, "exportEndTime", "valueInstant", json::string(to_fhir_instant(end)));
    add(parameters, "exportDuration", "valueInteger",
        std::max<std::int64_t>(0, (end.milliseconds - start.milliseconds) / 1000));
    for (const auto& table : asked.tables->tables) {
      json::array parts;
      add(parts, "name", "valueString", json::string(table.name));
      for (auto& location : locations[table.name]) parts.push_back(std::move(location));
      add(parameters, "output", "part", std::move(parts));
    }
    auto response = fhir_response(200, text_of(std::move(parameters)));
    response.headers.set("Cache-Control", "private, no-cache");
    return response;
  }

  std::string progress(const job::JobView& view) const override {
    return view.job.planned || view.job.phase > 0 ? JobHandler::progress(view) : "planning";
  }

  Result<void> add_early_result(const Service&, const Principal&, const job::JobView& view,
                                http::Response& response) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto stored, stored_of(view.job));
    auto parameters = parameters_of(stored->request, view.job.id, "in-progress");
    add(parameters, "exportStartTime", "valueInstant",
        json::string(to_fhir_instant(view.job.snapshot.instant)));
    if (view.remaining)
      add(parameters, "estimatedTimeRemaining", "valueInteger",
          std::chrono::ceil<std::chrono::seconds>(*view.remaining).count());
    response.headers.set("Content-Type", std::string(kFhirJson));
    response.body = text_of(std::move(parameters));
    return {};
  }

  std::string_view media_type(std::string_view file_name) const override {
    const auto format = table::find_format(file_name.substr(file_name.rfind('.') + 1));
    return table::media_type_of(format.value_or(table::Format::kNdjson));
  }

  Result<void> report_request(const job::Job& job, json::object& report) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto stored, stored_of(job));
    report_export(stored->request, report);
    report["format"] = json::string(table::name_of(stored->request.tables->format));
    json::array tables;
    for (const auto& table : stored->request.tables->tables) tables.emplace_back(table.name);
    report["tables"] = std::move(tables);
    return {};
  }

  Result<std::vector<PlanPart>> plan_parts(const job::Shard& shard) const override {
    return parts_of_export(shard);
  }

 private:
  static Result<std::shared_ptr<const bulk::StoredExport>> stored_of(const job::Job& job) {
    SLUICE_ASSIGN_OR_RETURN(auto stored, bulk::export_request_of(job));
    if (!stored->request.tables) return corrupt("a stored export request cannot be read", "tables");
    return stored;
  }
};

}  // namespace

const JobHandler& sql_export_handler() {
  static const SqlExportHandler handler;
  return handler;
}

}  // namespace sluice::api
