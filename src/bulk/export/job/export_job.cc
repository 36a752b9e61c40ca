#include "bulk/export/job/export_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "bulk/export/request/export_patients.h"
#include "bulk/export/request/export_phases.h"
#include "bulk/export/request/stored_export.h"
#include "bulk/export/shard/provenance.h"
#include "bulk/export/shard/sorted_block_sink.h"
#include "bulk/export/shard/sorted_runs.h"
#include "fhir/compartment.h"
#include "job/stored_jobs.h"

namespace sluice::bulk {
namespace {

constexpr std::size_t kPage = 1000;
constexpr std::size_t kNamedMax = 10;
constexpr std::uint64_t kSupportingWeight = 16u
                                            << 10;  // bytes that one resource read by id counts as

bool is_run_of(const RunFile& run, std::string_view purpose) {
  return std::string_view(run.name).substr(1).starts_with(purpose);
}

/// Which of `ids` exist and may be seen: what may not is not told from what does not exist.
Result<std::vector<bool>> seen(const store::Store& store, const ExportRequest& request,
                               fhir::ResourceType type, const std::vector<std::string>& ids,
                               const store::Commit& snapshot, const query::Bounds& bounds) {
  SLUICE_ASSIGN_OR_RETURN(auto exist, store.exist(type, ids, snapshot.sequence));
  SLUICE_ASSIGN_OR_RETURN(const auto access,
                          AccessFilters::compile(request.limits, {.base_url = request.base_url,
                                                                  .now = snapshot.instant}));
  if (!access.limits(type)) return exist;
  query::BoundsCheck check(bounds);
  search::Matcher matcher([&] { return check.look(); });
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!exist[i]) continue;
    SLUICE_RETURN_IF_ERROR(check.step());
    SLUICE_ASSIGN_OR_RETURN(const auto record, store.read({type, ids[i]}, snapshot.sequence));
    if (!record) continue;
    check.note_size(record->json.size());
    SLUICE_ASSIGN_OR_RETURN(const bool passes, access.pass(matcher, type, record->json));
    exist[i] = passes;
  }
  return exist;
}

}  // namespace

ExportJobs::ExportJobs(const store::Store& store, output::FileStore& files, ExportSizes sizes,
                       BinaryUrl binary_url, std::string_view name)
    : store_(store),
      files_(files),
      sizes_(sizes),
      binary_url_(std::move(binary_url)),
      name_(name) {}

Result<std::shared_ptr<const PreparedExport>> ExportJobs::prepare(const job::Job& job,
                                                                  const std::stop_token& stop) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = prepared_.find(job.id); found != prepared_.end()) return found->second;
  }
  SLUICE_ASSIGN_OR_RETURN(auto stored, export_request_of(job));
  // It has failed meanwhile: without its filters and patients it would read what it must not.
  if (!stored->is_whole) return Error{ErrorKind::kCancelled, "the job has ended"};
  SLUICE_ASSIGN_OR_RETURN(auto prepared,
                          prepare_export(store_, std::move(stored), job.snapshot, {.stop = stop}));
  const std::lock_guard lock(mutex_);
  return prepared_.emplace(job.id, std::move(prepared)).first->second;
}

Result<ExportJobs::InternalFilesPtr> ExportJobs::internal_files(const job::Job& job,
                                                                unsigned phase) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = internal_.find(job.id);
    if (found != internal_.end() && found->second->phase == phase) return found->second;
  }
  auto files = std::make_shared<InternalFiles>();
  files->phase = phase;
  SLUICE_RETURN_IF_ERROR(
      job::each_shard(store_, job.id, kPage, [&](const job::Shard& shard) -> Result<void> {
        if (shard.phase >= phase || !shard.done) return {};
        SLUICE_ASSIGN_OR_RETURN(auto result, parse_shard_result(shard.result));
        files->references_count += result.references.count;
        if (result.references.count > 0) files->references.push_back(std::move(result.references));
        if (!result.provenances_of.empty()) {
          files->provenances.of.insert(result.provenances_of.begin(), result.provenances_of.end());
          files->provenances.lines.push_back(std::move(result.provenances));
        }
        for (auto& run : result.runs) files->runs.push_back(std::move(run));
        for (auto& file : result.files)
          if (!file.table.empty()) files->tables.insert(std::move(file.table));
        return {};
      }));
  const std::lock_guard lock(mutex_);
  return internal_[job.id] = std::move(files);
}

Result<std::optional<std::vector<job::ShardPlan>>> ExportJobs::plan(const job::Job& job,
                                                                    const std::stop_token& stop) {
  SLUICE_ASSIGN_OR_RETURN(const auto prepared, prepare(job, stop));
  const ExportRequest& request = prepared->request;
  const bool latest = request.associated_provenance == AssociatedProvenance::kLatest;
  std::vector<job::ShardPlan> shards;
  switch (job.phase) {
    case kMainPhase: {
      SLUICE_ASSIGN_OR_RETURN(shards, plan_export(store_, *prepared, sizes_));
      break;
    }
    case kProvenancePhase:
      if (chooses_provenance(request)) {
        SLUICE_ASSIGN_OR_RETURN(const auto files, internal_files(job, job.phase));
        SLUICE_ASSIGN_OR_RETURN(shards,
                                plan_provenance(store_, *prepared, sizes_, files->provenances.of));
      }
      break;
    case kLatestPhase:
      if (latest) {
        SLUICE_ASSIGN_OR_RETURN(shards, plan_merge(job, kCandidateRuns, ReadMode::kLatest));
      }
      break;
    case kChosenPhase:
      if (latest) {
        SLUICE_ASSIGN_OR_RETURN(shards, plan_merge(job, kChosenRuns, ReadMode::kChosen));
      }
      break;
    case kSupportingPhase:
      if (takes_supporting(request)) {
        SLUICE_ASSIGN_OR_RETURN(shards, plan_supporting(job, request));
      }
      break;
    case kBlocksPhase:
      if (request.sorts_blocks()) {
        SLUICE_ASSIGN_OR_RETURN(shards, plan_merge(job, kBlockRuns, ReadMode::kBlocks));
      }
      break;
    case kEmptyPhase:
      if (request.tables) {
        SLUICE_ASSIGN_OR_RETURN(shards, plan_empty_tables(job, *request.tables));
        break;
      }
      [[fallthrough]];
    default:
      SLUICE_RETURN_IF_ERROR(clean_up(job, request));
      return std::optional<std::vector<job::ShardPlan>>();
  }
  return std::optional(std::move(shards));
}

// A Device that was a patient's and is nobody's now has left, unless something refers to it.
Result<bool> ExportJobs::may_have_had_devices(const ExportRequest& request) const {
  if (!request.since) return false;
  SLUICE_ASSIGN_OR_RETURN(const auto statistics, store_.statistics());
  return std::any_of(statistics.begin(), statistics.end(), [&](const auto& each) {
    return fhir::may_be_supporting(each.type) && fhir::is_in_patient_compartment(each.type) &&
           request.wants(each.type);
  });
}

Result<std::vector<job::ShardPlan>> ExportJobs::plan_supporting(const job::Job& job,
                                                                const ExportRequest& request) {
  std::vector<job::ShardPlan> shards;
  SLUICE_ASSIGN_OR_RETURN(const auto files, internal_files(job, job.phase));
  SLUICE_ASSIGN_OR_RETURN(const bool had_devices, may_have_had_devices(request));
  if (files->references.empty() && !had_devices) return shards;
  ShardSpec spec;
  spec.segments.push_back({ReadMode::kSupporting, {}});
  shards.push_back({serialize(spec), (files->references_count + 1) * kSupportingWeight});
  return shards;
}

// Each table has a file, so that its columns can be told from it.
Result<std::vector<job::ShardPlan>> ExportJobs::plan_empty_tables(const job::Job& job,
                                                                  const TablesRequest& tables) {
  SLUICE_ASSIGN_OR_RETURN(const auto files, internal_files(job, job.phase));
  ShardSpec spec;
  const auto count = static_cast<unsigned>(tables.tables.size());
  for (unsigned i = 0; i < count; ++i)
    if (!files->tables.contains(tables.tables[i].name))
      spec.segments.push_back({ReadMode::kEmpty, {}, i, count});
  std::vector<job::ShardPlan> shards;
  if (!spec.segments.empty()) shards.push_back({serialize(spec), 1});
  return shards;
}

Result<std::vector<job::ShardPlan>> ExportJobs::plan_merge(const job::Job& job,
                                                           std::string_view purpose,
                                                           ReadMode mode) {
  SLUICE_ASSIGN_OR_RETURN(const auto files, internal_files(job, job.phase));
  std::array<std::uint64_t, kRunParts> runs{};
  for (const auto& run : files->runs)
    if (is_run_of(run, purpose)) ++runs.at(run.part);
  std::vector<job::ShardPlan> shards;
  for (unsigned part = 0; part < kRunParts; ++part) {
    if (runs.at(part) == 0) continue;
    ShardSpec spec;
    spec.segments.push_back({mode, {}, part, kRunParts});
    shards.push_back({serialize(spec), runs.at(part) * (RunWriter::kBufferMax / kRunParts)});
  }
  return shards;
}

// Runs are as large as the output. They go when no shard needs them any more.
Result<void> ExportJobs::clean_up(const job::Job& job, const ExportRequest& request) {
  if (request.sorts_blocks() || request.associated_provenance) {
    SLUICE_ASSIGN_OR_RETURN(const auto files, internal_files(job, job.phase));
    for (const auto& run : files->runs) {
      const auto removed = files_.remove_file(job.id, run.name);
      // After a crash some are gone.
      if (!removed && removed.error().kind != ErrorKind::kNotFound) return removed.error();
    }
  }
  forget(job.id);
  return {};
}

Result<std::shared_ptr<const ClosedReferences>> ExportJobs::referred_by(
    const job::Job& job, const ExportRequest& request) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = referred_.find(job.id); found != referred_.end()) return found->second;
  }
  SLUICE_ASSIGN_OR_RETURN(const auto files, internal_files(job, kProvenancePhase));
  SLUICE_ASSIGN_OR_RETURN(auto closed, follow_references(files_, store_, job.id, files->references,
                                                         job.snapshot.sequence, request));
  auto referred = std::make_shared<const ClosedReferences>(std::move(closed));
  const std::lock_guard lock(mutex_);
  return referred_.emplace(job.id, std::move(referred)).first->second;
}

Result<ShardInputs> ExportJobs::inputs_of(const job::Job& job, const job::Shard& shard,
                                          const PreparedExport& prepared) {
  ShardInputs inputs;
  if (shard.phase == kMainPhase) return inputs;
  if (shard.phase == kProvenancePhase && prepared.request.level != ExportLevel::kSystem) {
    SLUICE_ASSIGN_OR_RETURN(inputs.referred, referred_by(job, prepared.request));
  }
  SLUICE_ASSIGN_OR_RETURN(const auto files, internal_files(job, shard.phase));
  if (shard.phase == kProvenancePhase) {
    inputs.provenances = files->provenances;
    return inputs;
  }
  if (shard.phase == kSupportingPhase) {
    inputs.references = files->references;
    const std::lock_guard lock(mutex_);
    if (const auto found = referred_.find(job.id); found != referred_.end())
      inputs.referred = found->second;
  }
  SLUICE_ASSIGN_OR_RETURN(const auto spec, parse_shard_spec(shard.spec));
  if (spec.segments.empty()) return inputs;
  const Segment& segment = spec.segments.front();
  const std::string_view purpose = segment.mode == ReadMode::kLatest   ? kCandidateRuns
                                   : segment.mode == ReadMode::kChosen ? kChosenRuns
                                                                       : kBlockRuns;
  for (const auto& run : files->runs)
    if (run.part == segment.part && is_run_of(run, purpose)) inputs.runs.push_back(run.name);
  return inputs;
}

Result<std::string> ExportJobs::run(const job::Job& job, const job::Shard& shard,
                                    const job::ShardContext& context) {
  SLUICE_ASSIGN_OR_RETURN(const auto prepared, prepare(job, context.stop));
  SLUICE_ASSIGN_OR_RETURN(const auto inputs, inputs_of(job, shard, *prepared));
  return run_export_shard({store_, files_, sizes_.file_size_max, binary_url_}, *prepared, job,
                          shard, inputs, context);
}

void ExportJobs::forget(std::string_view job_id) {
  const std::lock_guard lock(mutex_);
  const auto drop = [&](auto& by_job) {
    if (const auto found = by_job.find(job_id); found != by_job.end()) by_job.erase(found);
  };
  drop(prepared_);
  drop(referred_);
  drop(internal_);
}

void ExportJobs::discard(std::string_view job_id) {
  forget(job_id);
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

Result<void> check_groups_of(const store::Store& store, const ExportRequest& request,
                             const store::Commit& snapshot, const query::Bounds& bounds) {
  if (request.level != ExportLevel::kGroup) return {};
  std::vector<std::string> ids = {request.group_id};
  ids.insert(ids.end(), request.other_groups.begin(), request.other_groups.end());
  SLUICE_ASSIGN_OR_RETURN(const auto groups,
                          seen(store, request, fhir::types::kGroup, ids, snapshot, bounds));
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (!groups[i]) return not_found(fmt::format("there is no Group/{}", ids[i]));
  return check_groups(store, request, snapshot);
}

Result<KnownPatients> known_patients(const store::Store& store, const ExportRequest& request,
                                     const store::Commit& snapshot, const query::Bounds& bounds) {
  KnownPatients found;
  if (!request.patients) return found;
  SLUICE_ASSIGN_OR_RETURN(
      auto exist, seen(store, request, fhir::types::kPatient, *request.patients, snapshot, bounds));
  if (request.limits.groups) {
    // To a client that is limited to groups, who is no member is nobody.
    ExportRequest of_all = request;
    of_all.patients.reset();
    SLUICE_ASSIGN_OR_RETURN(const auto members, read_patient_set(store, of_all, snapshot));
    for (std::size_t i = 0; i < exist.size(); ++i)
      exist[i] = exist[i] && members->contains((*request.patients)[i]);
  }
  std::string unknown;
  std::size_t missing = 0;
  for (std::size_t i = 0; i < exist.size(); ++i) {
    const std::string& id = (*request.patients)[i];
    if (exist[i]) {
      found.known.push_back(id);
    } else if (++missing <= kNamedMax) {
      unknown += (unknown.empty() ? "Patient/" : ", Patient/") + id;
    }
  }
  if (missing > 0)
    found.missing =
        fmt::format("patient: {} of {} are not known: {}", missing, exist.size(), unknown);
  return found;
}

Result<void> check_against_store(const store::Store& store, ExportRequest& request,
                                 const store::Commit& snapshot, bool lenient,
                                 const query::Bounds& bounds) {
  SLUICE_RETURN_IF_ERROR(check_groups_of(store, request, snapshot, bounds));
  if (!request.patients) return {};
  SLUICE_ASSIGN_OR_RETURN(auto patients, known_patients(store, request, snapshot, bounds));
  if (!patients.missing.empty()) {
    // Without any known one, skipping would leave the list empty.
    if (!lenient || patients.known.empty()) return invalid(std::move(patients.missing));
    request.skipped.push_back(std::move(patients.missing));
    request.patients = std::move(patients.known);
  }
  if (request.level == ExportLevel::kGroup)
    SLUICE_RETURN_IF_ERROR(read_patient_set(store, request, snapshot));
  return {};
}

}  // namespace sluice::bulk
