#include "api/jobs/export_handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "api/core/authentication.h"
#include "api/core/fhir_response.h"
#include "api/jobs/export_access.h"
#include "api/jobs/export_attachment.h"
#include "api/jobs/export_kickoff.h"
#include "api/jobs/export_report.h"
#include "api/jobs/job_status.h"
#include "base/utf8.h"
#include "bulk/export/job/export_job.h"
#include "bulk/export/manifest/manifest.h"
#include "bulk/export/manifest/manifest_pages.h"
#include "bulk/export/request/stored_export.h"

namespace sluice::api {
namespace {

// A manifest up to this size is sent with its length, a larger one as a stream.
constexpr std::size_t kWholeManifest = 256u << 10;

// The URLs in a page must not change, so they are signed from the start for a time that does not
// depend on the job's end. With the job the files go, however long their URLs are signed for.
constexpr std::chrono::hours kPagesSignedFor{29 * 24};

void set_manifest(http::Response& response, std::string manifest) {
  response.headers.set("Content-Type", "application/json");
  response.body = std::move(manifest);
}

// P-10: what is shown of the page while the job runs and after; nullopt when it is not to be shown
// yet.
Result<std::optional<std::string>> read_page(const Service& service, const Principal& principal,
                                             const job::Job& job, const bulk::ExportRequest& asked,
                                             const bulk::ManifestCursor& position) {
  const bulk::ManifestPages pages(
      service.engine, job, asked, files_url(asked.base_url, job.id),
      pages_url(asked.base_url, job.id), fetches_by_token(principal),
      file_url_suffix(service, principal, job, job.snapshot.instant + kPagesSignedFor));
  return pages.read(position);
}

// The whole manifest: at once when it is short, else made while it is sent.
Result<http::Response> whole_manifest(const Service& service, const Principal& principal,
                                      const job::Job& job, const bulk::ExportRequest& asked) {
  const auto manifest = std::make_shared<bulk::ManifestStream>(
      service.engine, job, asked, files_url(asked.base_url, job.id), fetches_by_token(principal),
      file_url_suffix(service, principal, job));
  std::string start(kWholeManifest, '\0');
  SLUICE_ASSIGN_OR_RETURN(const std::size_t n, manifest->read(start));
  start.resize(n);
  start.shrink_to_fit();  // What it holds is what it counts for.
  http::Response response;
  response.headers.set("Content-Type", "application/json");
  if (n < kWholeManifest) {
    response.body = std::move(start);
    return response;
  }
  const auto rest = std::make_shared<std::string>(std::move(start));
  response.body = http::StreamBody{[manifest, rest](std::span<char> buffer) -> Result<std::size_t> {
                                     if (rest->empty()) return manifest->read(buffer);
                                     const std::size_t size = std::min(buffer.size(), rest->size());
                                     std::copy_n(rest->begin(), size, buffer.begin());
                                     rest->erase(0, size);
                                     return size;
                                   },
                                   std::nullopt};
  return response;
}

class ExportHandler final : public JobHandler {
 public:
  std::string_view name() const override { return bulk::ExportJobs::kName; }
  JobWords words() const override {
    return {
        .failed = "The export failed", .progress = "exported", .deleted = "The export is deleted"};
  }

  std::vector<JobRoute> routes() const override {
    std::vector<JobRoute> routes;
    const auto add_kick_off = [&](std::string_view pattern, std::string_view name,
                                  bulk::ExportLevel level) {
      for (const std::string_view method : {"GET", "POST"})
        routes.push_back({method, pattern, name,
                          [level](auto& service, const auto& request, const auto& principal) {
                            return export_kickoff(service, request, principal, level);
                          }});
    };
    add_kick_off("/fhir/$export", "export_system", bulk::ExportLevel::kSystem);
    add_kick_off("/fhir/Patient/$export", "export_patient", bulk::ExportLevel::kPatient);
    add_kick_off("/fhir/Group/{id}/$export", "export_group", bulk::ExportLevel::kGroup);
    routes.push_back({"GET", "/fhir/jobs/{id}/manifest/{page}", "export_page", export_page});
    for (const std::string_view pattern :
         {"/fhir/jobs/{id}/Binary/{name}", "/fhir/jobs/{id}/Binary/{name}/_history/{version}"})
      routes.push_back(
          {"GET", pattern, "export_attachment", export_attachment, Access::kAttachment});
    return routes;
  }

  Result<JobTraits> traits(const job::Job& job) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto stored, bulk::export_request_of(job));
    return JobTraits{stored->request.separate_export_status, stored->request.partial_manifests};
  }

  Result<void> authorize(const Principal& principal, const job::Job& job) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto stored, bulk::export_request_of(job));
    return authorize_export_job(principal, *stored);
  }

  Result<http::Response> result(const Service& service, const http::Request&,
                                const Principal& principal,
                                const job::JobView& view) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto stored, bulk::export_request_of(view.job));
    if (!stored->request.partial_manifests)
      return whole_manifest(service, principal, view.job, stored->request);
    http::Response response;
    SLUICE_RETURN_IF_ERROR(add_early_result(service, principal, view, response));  // the first page
    return response;
  }

  std::string progress(const job::JobView& view) const override {
    return view.job.planned || view.job.phase > 0 ? JobHandler::progress(view) : "planning";
  }

  Result<void> add_early_result(const Service& service, const Principal& principal,
                                const job::JobView& view, http::Response& response) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto stored, bulk::export_request_of(view.job));
    if (!stored->request.partial_manifests) return {};
    SLUICE_ASSIGN_OR_RETURN(auto page,
                            read_page(service, principal, view.job, stored->request, {}));
    if (page) set_manifest(response, std::move(*page));
    return {};
  }

  Result<bool> is_file_finished(const Service& service, const job::Job& job,
                                std::string_view name) const override {
    return bulk::is_finished_file(service.engine, job.id, name);
  }

  Result<void> report_request(const job::Job& job, boost::json::object& report) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto stored, bulk::export_request_of(job));
    report_export(stored->request, report);
    return {};
  }

  Result<std::vector<PlanPart>> plan_parts(const job::Shard& shard) const override {
    return parts_of_export(shard);
  }
};

}  // namespace

http::Response export_page(Service& service, const http::Request& request,
                           const Principal& principal) {
  const auto found = find_job(service, request, principal, {.kind = smart::AuditKind::kStatus});
  if (!found) return request_error(request, found.error());
  if (found->unreadable) return lost_job(request, *found);
  const auto& view = found->view;
  const Error missing =
      not_found(fmt::format("the job has no page '{}'", shortened(request.parameter("page"), 64)));
  if (!is_export(*found) || !found->traits.shows_files_early)
    return request_error(request, missing);
  if (view.job.state == job::JobState::kFailed) return failed_job(*found);
  const auto position = bulk::parse_manifest_cursor(request.parameter("page"));
  if (!position) return request_error(request, missing);
  const auto stored = bulk::export_request_of(view.job);
  if (!stored) return request_error(request, stored.error());
  auto page = read_page(service, principal, view.job, (*stored)->request, *position);
  if (!page) return request_error(request, page.error());
  // No link leads to what is not to be shown yet.
  if (!*page) return request_error(request, missing);
  auto response = view.job.state == job::JobState::kDone
                      ? done_job(*found, {})
                      : running_job(*found, retry_after(service, view));
  set_manifest(response, std::move(**page));
  return response;
}

bool is_export(const FoundJob& found) {
  return found.handler->name() == bulk::ExportJobs::kName;
}

const JobHandler& export_handler() {
  static const ExportHandler handler;
  return handler;
}

}  // namespace sluice::api
