#include "bulk/export_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace sluice::bulk {
namespace {

constexpr std::size_t kPage = 1000;
constexpr std::size_t kNamedMax = 10;
constexpr std::uint64_t kSupportingWeight = 16u
                                            << 10;  // bytes that one resource read by id counts as

}  // namespace

ExportJobs::ExportJobs(const store::Store& store, output::FileStore& files, ExportSizes sizes,
                       BinaryUrl binary_url)
    : store_(store), files_(files), sizes_(sizes), binary_url_(std::move(binary_url)) {}

Result<std::shared_ptr<const PreparedExport>> ExportJobs::prepare(const job::Job& job) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = prepared_.find(job.id); found != prepared_.end()) return found->second;
  }
  auto prepared = std::make_shared<PreparedExport>();
  SLUICE_TRY(prepared->request, parse_stored_request(job.request));
  prepared->snapshot = job.snapshot;
  SLUICE_TRY(prepared->roster, read_roster(store_, prepared->request, job.snapshot));
  if (!prepared->request.elements.empty()) {
    const auto all = fhir::all_resource_types();
    SLUICE_TRY(prepared->elements, fhir::ElementsSelection::parse(prepared->request.elements,
                                                                  {all.begin(), all.end()}));
  }
  SLUICE_TRY(prepared->filters, ExportFilters::prepare(store_, prepared->request, job.snapshot));
  const std::lock_guard lock(mutex_);
  return prepared_.emplace(job.id, std::move(prepared)).first->second;
}

Result<std::vector<std::string>> ExportJobs::references_files(const job::Job& job,
                                                              std::uint64_t& count) const {
  std::vector<std::string> names;
  const std::string prefix = job::shard_prefix(job.id);
  std::string after;
  while (true) {
    SLUICE_TRY(const auto page, store_.documents(prefix, after, kPage));
    if (page.empty()) return names;
    for (const auto& document : page) {
      SLUICE_TRY(const auto shard, job::parse_shard(document.key, document.value));
      if (!shard.done) continue;
      SLUICE_TRY(auto result, parse_shard_result(shard.result));
      count += result.references;
      if (!result.references_file.empty()) names.push_back(std::move(result.references_file));
    }
    after = page.back().key;
  }
}

Result<std::optional<std::vector<job::ShardPlan>>> ExportJobs::plan(const job::Job& job,
                                                                    const std::stop_token&) {
  SLUICE_TRY(const auto prepared, prepare(job));
  const ExportRequest& request = prepared->request;
  std::vector<job::ShardPlan> shards;
  if (job.phase == 0) {
    SLUICE_TRY(shards, plan_export(store_, request, job.snapshot, prepared->roster.get(), sizes_));
    return std::optional(std::move(shards));
  }
  if (job.phase == 1 && takes_supporting(request)) {
    std::uint64_t count = 0;
    SLUICE_TRY(const auto names, references_files(job, count));
    if (!names.empty()) {
      ShardSpec spec;
      spec.segments.push_back({ReadMode::kSupporting, {}});
      shards.push_back({serialize(spec), count * kSupportingWeight});
    }
    return std::optional(std::move(shards));
  }
  const std::lock_guard lock(mutex_);
  prepared_.erase(job.id);
  return std::optional<std::vector<job::ShardPlan>>();
}

Result<std::string> ExportJobs::run(const job::Job& job, const job::Shard& shard,
                                    const job::ShardContext& context) {
  SLUICE_TRY(const auto prepared, prepare(job));
  std::vector<std::string> names;
  if (shard.phase > 0) {
    std::uint64_t count = 0;
    SLUICE_TRY(names, references_files(job, count));
  }
  return run_export_shard({store_, files_, sizes_.file_size_max, binary_url_}, *prepared, job,
                          shard, names, context);
}

void ExportJobs::discard(std::string_view job_id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = prepared_.find(job_id); found != prepared_.end()) prepared_.erase(found);
  }
  const auto removed = files_.remove_folder(job_id);
  if (!removed)
    spdlog::error("cannot remove files job={} detail=\"{}\"", job_id, removed.error().detail);
}

bool ExportJobs::in_use(std::string_view job_id) {
  return files_.open_files(job_id) > 0;
}

std::vector<std::string> ExportJobs::leftovers() {
  auto folders = files_.folders();
  if (!folders) return {};
  return std::move(*folders);
}

Result<void> check_against_store(const store::Store& store, ExportRequest& request,
                                 const store::Commit& snapshot, bool lenient) {
  if (request.level == ExportLevel::kGroup) SLUICE_CHECK(check_groups(store, request, snapshot));
  if (!request.patients) return {};
  SLUICE_TRY(const auto exist,
             store.exist(fhir::types::kPatient, *request.patients, snapshot.sequence));
  std::vector<std::string> known;
  std::string unknown;
  std::size_t missing = 0;
  for (std::size_t i = 0; i < exist.size(); ++i) {
    const std::string& id = (*request.patients)[i];
    if (exist[i]) {
      known.push_back(id);
    } else if (++missing <= kNamedMax) {
      unknown += (unknown.empty() ? "Patient/" : ", Patient/") + id;
    }
  }
  if (missing > 0) {
    std::string why =
        fmt::format("patient: {} of {} are not known: {}", missing, exist.size(), unknown);
    // Without any known one, skipping would leave the list empty.
    if (!lenient || known.empty()) return invalid(std::move(why));
    request.skipped.push_back(std::move(why));
    request.patients = std::move(known);
  }
  if (request.level == ExportLevel::kGroup) SLUICE_CHECK(read_roster(store, request, snapshot));
  return {};
}

}  // namespace sluice::bulk
