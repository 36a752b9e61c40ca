#include "api/jobs/import_handler.h"

#include <fmt/format.h>

#include <utility>

#include "api/jobs/import_kickoff.h"
#include "api/jobs/job_status.h"
#include "bulk/import/import_job.h"
#include "bulk/import/import_manifest.h"
#include "bulk/import/import_request.h"

namespace sluice::api {
namespace {

class ImportHandler final : public JobHandler {
 public:
  std::string_view name() const override { return bulk::ImportJobs::kName; }
  JobWords words() const override {
    return {.failed = "The import failed",
            .progress = "imported",
            .deleted = "The import is cancelled or forgotten; what was committed stays"};
  }
  std::vector<JobRoute> routes() const override {
    return {{"POST", "/fhir/$import", "import", import_kickoff}};
  }

  Result<JobTraits> traits(const job::Job& job) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto asked, bulk::import_request_of(job));
    return JobTraits{.separate_export_status = asked->separate_export_status};
  }

  Result<void> authorize(const Principal& principal, const job::Job& job) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto asked, bulk::import_request_of(job));
    return authorize_import(principal, *asked);
  }

  Result<http::Response> result(const Service& service, const http::Request&,
                                const Principal& principal,
                                const job::JobView& view) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto asked, bulk::import_request_of(view.job));
    const std::string url = files_url(asked->base_url, view.job.id);
    const auto suffix = file_url_suffix(service, principal, view.job);
    const auto url_of = [&](std::string_view name) -> Result<std::string> {
      if (!suffix) return fmt::format("{}{}", url, name);
      SLUICE_ASSIGN_OR_RETURN(const auto end, suffix(name));
      return fmt::format("{}{}{}", url, name, end);
    };
    SLUICE_ASSIGN_OR_RETURN(auto manifest,
                            bulk::import_manifest(service.store, view.job, *asked,
                                                  fetches_by_token(principal), url_of));
    http::Response response;
    response.headers.set("Content-Type", "application/json");
    response.body = std::move(manifest);
    return response;
  }
};

}  // namespace

const JobHandler& import_handler() {
  static const ImportHandler handler;
  return handler;
}

}  // namespace sluice::api
