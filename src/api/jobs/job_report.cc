#include "api/jobs/job_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "job/stored_jobs.h"

namespace sluice::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kShardsAtOnce = 1000;

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

// Sums over a job's shards, and what its kind tells of each.
struct Shards {
  std::uint64_t count = 0, done = 0, weight = 0, weight_done = 0;
  struct Part {
    std::string read;
    std::string estimates;  ///< of the first
    std::uint64_t count = 0;
  };
  std::map<std::tuple<unsigned, unsigned, std::string>, Part> parts;  ///< by phase, order, type

  Result<void> take(const JobHandler* handler, const job::Shard& shard) {
    ++count;
    weight += shard.weight;
    if (shard.done) {
      ++done;
      weight_done += shard.weight;
    }
    if (handler == nullptr) return {};
    SLUICE_ASSIGN_OR_RETURN(auto told, handler->plan_parts(shard));
    for (auto& each : told) {
      Part& part = parts[{shard.phase, each.order, std::move(each.type)}];
      ++part.count;
      part.read = std::move(each.read);
      if (part.estimates.empty()) part.estimates = std::move(each.estimates);
    }
    return {};
  }

  json::array plan() const {
    json::array rows;
    for (const auto& [what, part] : parts) {
      const auto& [phase, order, type] = what;
      json::object row{{"phase", phase}, {"read", part.read}, {"parts", part.count}};
      if (!type.empty()) row["type"] = type;
      if (!part.estimates.empty()) row["estimates"] = part.estimates;
      rows.push_back(std::move(row));
    }
    return rows;
  }
};

Result<json::object> describe(const store::Store& store, const job::Job& job,
                              const JobHandler* handler, bool with_plan) {
  json::object out;
  out["id"] = job.id;
  out["kind"] = job.kind;
  out["client"] = job.client;
  out["state"] = name_of(job.state);
  out["transactionTime"] = to_fhir_instant(job.snapshot.instant);
  // what cannot be read is said of its own job, and hides no other.
  if (handler != nullptr)
    if (const auto added = handler->report_request(job, out); !added)
      out["unreadable"] = added.error().message;
  if (job.state == job::JobState::kFailed) out["failure"] = job.failure;
  if (job.state != job::JobState::kRunning) {
    out["finished"] = to_fhir_instant(job.finished);
    out["expires"] = to_fhir_instant(job.expires);
  }
  Shards shards;
  const auto looked = job::each_shard(store, job.id, kShardsAtOnce, [&](const job::Shard& shard) {
    return shards.take(handler, shard);
  });
  if (!looked && looked.error().kind != ErrorKind::kCorrupt) return looked.error();
  if (!looked) out["unreadable"] = looked.error().message;
  out["phase"] = job.phase;
  out["planned"] = job.planned;
  out["shards"] = shards.count;
  out["shards_done"] = shards.done;
  out["bytes_estimated"] = shards.weight;
  out["bytes_done"] = shards.weight_done;
  if (with_plan) out["plan"] = shards.plan();
  return out;
}

}  // namespace

Result<json::object> report_jobs(const store::Store& store, const std::string& id,
                                 const JobHandlers& handlers) {
  std::vector<job::Job> jobs;
  if (id.empty()) {
    SLUICE_ASSIGN_OR_RETURN(jobs, job::stored_jobs(store));
  } else {
    SLUICE_ASSIGN_OR_RETURN(auto job, job::stored_job(store, id));
    if (!job) return not_found(fmt::format("there is no job '{}'", shortened(id, 64)));
    jobs.push_back(std::move(*job));
  }
  std::sort(jobs.begin(), jobs.end(), [](const job::Job& a, const job::Job& b) {
    return std::tuple(a.state, b.snapshot.sequence.value) <
           std::tuple(b.state, a.snapshot.sequence.value);
  });
  json::array all;
  for (const auto& job : jobs) {
    SLUICE_ASSIGN_OR_RETURN(auto described,
                            describe(store, job, handlers.find(job.kind), !id.empty()));
    all.push_back(std::move(described));
  }
  return json::object{{"jobs", std::move(all)}};
}

}  // namespace sluice::api
