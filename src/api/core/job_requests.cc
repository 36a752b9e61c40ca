#include "api/core/job_requests.h"

#include <algorithm>
#include <utility>

#include "base/sort_unique.h"
#include "bulk/export/request/export_filter.h"
#include "bulk/export/request/stored_export.h"
#include "bulk/group/cohort_job.h"
#include "bulk/import/import_job.h"

namespace sluice::api {
namespace {

/// What one takes beside its texts.
constexpr std::size_t kKeptBeside = 1024;

Result<std::vector<fhir::ResourceType>> types_read_by_filters(const bulk::ExportRequest& asked) {
  std::vector<fhir::ResourceType> all;
  for (const auto& filter : asked.type_filters) {
    SLUICE_TRY(const auto types, bulk::types_read_by(filter, asked.base_url));
    all.insert(all.end(), types.begin(), types.end());
  }
  sort_unique(all);
  return all;
}

struct Read {
  JobRequest request;
  std::size_t size = kKeptBeside;
};

Read read_export(std::string_view text) {
  auto parsed = bulk::parse_stored_request(text);
  if (!parsed) return {{.unreadable = std::move(parsed).error()}};
  Read read{{.asked = std::move(*parsed)}, kKeptBeside + text.size()};
  bulk::ExportRequest& asked = read.request.asked;
  read.request.read_by_filters = types_read_by_filters(asked);
  std::size_t left_out = 0;
  for (const auto& filter : asked.type_filters) left_out += filter.query.size();
  if (asked.patients)
    for (const auto& id : *asked.patients) left_out += id.size();
  read.size -= std::min(left_out, text.size());
  asked.type_filters = {};
  asked.patients.reset();
  return read;
}

Read read_request(const job::Job& job) {
  const std::string_view text = job.request;
  if (job.kind == bulk::ImportJobs::kName) {
    auto import = bulk::parse_stored_import(text);
    if (!import) return {{.unreadable = std::move(import).error()}};
    return {{.import = std::move(*import)}, kKeptBeside + text.size()};
  }
  if (job.kind == bulk::CohortJobs::kName) {
    auto cohort = bulk::parse_stored_cohort_request(text);
    if (!cohort) return {{.unreadable = std::move(cohort).error()}};
    Read read{{.cohort = std::move(*cohort)}, kKeptBeside + text.size()};
    read.size -= std::min(read.request.cohort->group_json.size(), text.size());
    read.request.cohort->group_json = {};
    return read;
  }
  return read_export(text);
}

}  // namespace

JobRequests::Pointer JobRequests::of(const job::Job& job) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto* const kept = kept_.find(job.id)) return *kept;
  }
  // Not within the lock. Two that read the same at once do no harm.
  Read read = read_request(job);
  auto request = std::make_shared<const JobRequest>(std::move(read.request));
  const std::lock_guard lock(mutex_);
  ++reads_;
  if (read.size <= size_max_ / 2) kept_.keep(job.client, job.id, read.size, request);
  return request;
}

void JobRequests::forget(std::string_view job_id) {
  const std::lock_guard lock(mutex_);
  kept_.erase(job_id);
}

std::size_t JobRequests::reads() const {
  const std::lock_guard lock(mutex_);
  return reads_;
}

}  // namespace sluice::api
