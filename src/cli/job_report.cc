#include "cli/job_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "bulk/export/job/export_job.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/export_request.h"
#include "bulk/export/request/stored_export.h"
#include "fhir/resource_type.h"
#include "job/stored_jobs.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kPage = 1000;

struct Way {
  const char* name;
  bool has_type;
};

Way way_of(bulk::ReadMode mode) {
  switch (mode) {
    case bulk::ReadMode::kScan:
      return {"scan", true};
    case bulk::ReadMode::kSeek:
      return {"seek by patient", true};
    case bulk::ReadMode::kGroups:
      return {"groups", true};
    case bulk::ReadMode::kChanges:
      return {"change log", false};
    case bulk::ReadMode::kSupporting:
      return {"supporting resources", false};
    case bulk::ReadMode::kOutcome:
      return {"outcome", false};
    case bulk::ReadMode::kNewMembers:
      return {"seek by new member", true};
    case bulk::ReadMode::kDeleted:
      return {"deletions", false};
    case bulk::ReadMode::kByOwner:
      return {"merge by patient", true};
    case bulk::ReadMode::kProvenance:
      return {"Provenance by target", false};
    case bulk::ReadMode::kProvenanceChanges:
      return {"Provenance in the change log", false};
    case bulk::ReadMode::kProvenanceOfScope:
      return {"Provenance of what is in scope", false};
    case bulk::ReadMode::kLatest:
      return {"newest Provenance of each target", false};
    case bulk::ReadMode::kChosen:
      return {"chosen Provenance", false};
    case bulk::ReadMode::kFilteredIds:
      return {"read by id of a filter", true};
    case bulk::ReadMode::kFilteredPatients:
      return {"seek by patient of a filter", true};
    case bulk::ReadMode::kBlocks:
      return {"merge of sorted blocks", false};
  }
  return {"unknown", false};
}

const char* name_of(job::JobState state) {
  switch (state) {
    case job::JobState::kRunning:
      return "running";
    case job::JobState::kDone:
      return "done";
    case job::JobState::kFailed:
      return "failed";
  }
  return "unknown";
}

// Sums over a job's shards, and for exports what each reads.
struct Shards {
  std::uint64_t count = 0, done = 0, weight = 0, weight_done = 0;
  struct Part {
    std::uint64_t count = 0;
    std::string why;  ///< what the planner weighed
  };
  std::map<std::tuple<unsigned, bulk::ReadMode, std::string>, Part> parts;

  Result<void> take(const job::Job& job, const job::Shard& shard) {
    ++count;
    weight += shard.weight;
    if (shard.done) {
      ++done;
      weight_done += shard.weight;
    }
    if (job.kind != bulk::ExportJobs::kName) return {};
    SLUICE_TRY(const auto spec, bulk::parse_shard_spec(shard.spec));
    for (const auto& segment : spec.segments) {
      const bool has_type = way_of(segment.mode).has_type;
      Part& part =
          parts[{shard.phase, segment.mode,
                 has_type ? std::string(fhir::type_name(segment.range.type)) : std::string()}];
      ++part.count;
      if (part.why.empty()) part.why = segment.why;
    }
    return {};
  }
};

Result<void> add_request(const job::Job& job, json::object& out) {
  if (job.kind != bulk::ExportJobs::kName) return {};
  SLUICE_TRY(const auto stored, bulk::export_request_of(job));
  const bulk::ExportRequest& request = stored->request;
  switch (request.level) {
    case bulk::ExportLevel::kSystem:
      out["level"] = "system";
      break;
    case bulk::ExportLevel::kPatient:
      out["level"] = "Patient";
      break;
    case bulk::ExportLevel::kGroup:
      out["level"] = "Group/" + request.group_id;
      break;
  }
  json::array types;
  for (const auto type : request.types) types.push_back(json::string(fhir::type_name(type)));
  if (!types.empty()) out["types"] = std::move(types);
  if (request.since) out["since"] = to_fhir_instant(*request.since);
  return {};
}

Result<json::object> describe(const store::Store& store, const job::Job& job, bool with_plan) {
  json::object out;
  out["id"] = job.id;
  out["kind"] = job.kind;
  out["client"] = job.client;
  out["state"] = name_of(job.state);
  out["transactionTime"] = to_fhir_instant(job.snapshot.instant);
  // what cannot be read is said of its own job, and hides no other.
  if (const auto added = add_request(job, out); !added) out["unreadable"] = added.error().message;
  if (job.state == job::JobState::kFailed) out["failure"] = job.failure;
  if (job.state != job::JobState::kRunning) {
    out["finished"] = to_fhir_instant(job.finished);
    out["expires"] = to_fhir_instant(job.expires);
  }
  Shards shards;
  const auto looked = job::each_shard(
      store, job.id, kPage, [&](const job::Shard& shard) { return shards.take(job, shard); });
  if (!looked && looked.error().kind != ErrorKind::kCorrupt) return looked.error();
  if (!looked) out["unreadable"] = looked.error().message;
  out["phase"] = job.phase;
  out["planned"] = job.planned;
  out["shards"] = shards.count;
  out["shards_done"] = shards.done;
  out["bytes_estimated"] = shards.weight;
  out["bytes_done"] = shards.weight_done;
  if (!with_plan) return out;
  json::array plan;
  for (const auto& [what, part] : shards.parts) {
    const auto& [phase, mode, type] = what;
    json::object row{{"phase", phase}, {"read", way_of(mode).name}, {"parts", part.count}};
    if (!type.empty()) row["type"] = type;
    if (!part.why.empty()) row["estimates"] = part.why;
    plan.push_back(std::move(row));
  }
  out["plan"] = std::move(plan);
  return out;
}

}  // namespace

Result<json::object> report_jobs(const store::Store& store, const std::string& id) {
  std::vector<job::Job> jobs;
  if (id.empty()) {
    SLUICE_TRY(jobs, job::stored_jobs(store));
  } else {
    SLUICE_TRY(auto job, job::stored_job(store, id));
    if (!job) return not_found(fmt::format("there is no job '{}'", shortened(id, 64)));
    jobs.push_back(std::move(*job));
  }
  std::sort(jobs.begin(), jobs.end(), [](const job::Job& a, const job::Job& b) {
    return std::tuple(a.state, b.snapshot.sequence.value) <
           std::tuple(b.state, a.snapshot.sequence.value);
  });
  json::array all;
  for (const auto& job : jobs) {
    SLUICE_TRY(auto described, describe(store, job, !id.empty()));
    all.push_back(std::move(described));
  }
  return json::object{{"jobs", std::move(all)}};
}

}  // namespace sluice::cli
