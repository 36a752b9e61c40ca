#include "bulk/group/cohort_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"
#include "base/sort_unique.h"
#include "fhir/cohort_text.h"
#include "fhir/group_members.h"
#include "fhir/resource_reader.h"
#include "job/stored_jobs.h"
#include "query/scoped_store.h"
#include "search/resource_filter.h"

namespace sluice::bulk {
namespace {

using Operation = CohortRequest::Operation;

constexpr std::size_t kPage = 16;  // findings of a shard may have megabytes
constexpr unsigned kWritePhase = 1;
constexpr std::string_view kOutcomePrefix = "cohort/";

std::string outcome_key(std::string_view job_id) {
  return std::string(kOutcomePrefix).append(job_id);
}

// "<filter>:<type>:<from>:<to>", positions in hexadecimal; with ":1" the part of one patient.
std::string to_spec(const CohortPart& part) {
  return fmt::format("{}:{}:{}:{}{}", part.filter, part.range.type.code, to_hex(part.range.from),
                     to_hex(part.range.to), part.of_patient ? ":1" : "");
}

Result<CohortPart> part_of(std::string_view spec) {
  const auto next = [&] {
    const std::size_t colon = std::min(spec.find(':'), spec.size());
    const std::string_view field = spec.substr(0, colon);
    spec.remove_prefix(std::min(colon + 1, spec.size()));
    return field;
  };
  const auto number = [&](auto& value) {
    const std::string_view field = next();
    const auto [end, failed] = std::from_chars(field.data(), field.data() + field.size(), value);
    return failed == std::errc() && end == field.data() + field.size();
  };
  CohortPart part;
  const auto all = fhir::all_resource_types();
  if (!number(part.filter) || !number(part.range.type.code) ||
      std::find(all.begin(), all.end(), part.range.type) == all.end())
    return corrupt("a shard of a cohort cannot be read");
  SLUICE_ASSIGN_OR_RETURN(part.range.from, from_hex(next()));
  SLUICE_ASSIGN_OR_RETURN(part.range.to, from_hex(next()));
  part.of_patient = next() == "1";
  return part;
}

std::string joined(const SubjectIds& ids) {
  std::string text;
  for (const auto& id : ids) text.append(id).append("\n");
  return text;
}

void append_ids(std::string_view text, SubjectIds& out) {
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
}

CohortOutcome refused(int status, std::string why) {
  CohortOutcome outcome;
  outcome.status = status;
  outcome.error = std::move(why);
  return outcome;
}

}  // namespace

Result<std::shared_ptr<const CohortJobs::Prepared>> CohortJobs::prepare(const job::Job& job) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = prepared_.find(job.id); found != prepared_.end()) return found->second;
  }
  SLUICE_ASSIGN_OR_RETURN(auto asked, cohort_request_of(job));
  auto prepared = std::make_shared<Prepared>(std::move(asked));
  const CohortRequest& request = prepared->request;
  if (request.operation == Operation::kRefresh) {
    auto stored = read_stored_cohort(store_, request.group_id, job.snapshot, request.base_url);
    if (!stored && stored.error().kind == ErrorKind::kNotFound)
      return std::shared_ptr<const Prepared>();
    if (!stored) return std::move(stored).error();
    prepared->group_json = std::move(stored->group_json);
    prepared->version = stored->version;
    prepared->cohort = std::move(stored->cohort);
  } else {
    // The job has failed meanwhile.
    if (request.group_json.empty()) return Error{ErrorKind::kCancelled, "the job has ended"};
    prepared->group_json = request.group_json;
    SLUICE_ASSIGN_OR_RETURN(auto cohort, search::read_cohort(request.group_json,
                                                             {.base_url = request.base_url,
                                                              .now = job.snapshot.instant},
                                                             search::Strictness::kWholeProfile));
    if (!cohort) return corrupt("a stored cohort request cannot be read", "no member-filter");
    prepared->cohort = std::move(*cohort);
  }
  if (request.stores_members) {
    SLUICE_ASSIGN_OR_RETURN(prepared->cohort,
                            resolved(store_, prepared->cohort, job.snapshot.sequence));
  }
  const std::lock_guard lock(mutex_);
  return prepared_.emplace(job.id, std::move(prepared)).first->second;
}

Result<std::optional<std::vector<job::ShardPlan>>> CohortJobs::plan(const job::Job& job,
                                                                    const std::stop_token&) {
  std::vector<job::ShardPlan> shards;
  if (job.phase > kWritePhase) {
    const std::lock_guard lock(mutex_);
    prepared_.erase(job.id);
    return std::optional<std::vector<job::ShardPlan>>();
  }
  if (job.phase == kWritePhase) return std::optional(std::vector<job::ShardPlan>{{{}, 1}});
  SLUICE_ASSIGN_OR_RETURN(const auto prepared, prepare(job));
  if (prepared == nullptr || !prepared->request.stores_members) return std::optional(shards);
  SLUICE_ASSIGN_OR_RETURN(
      const auto parts,
      cohort_parts(store_, prepared->cohort, prepared->group_json, job.snapshot,
                   prepared->request.base_url, {prepared->request.group_id}, part_size_));
  for (const auto& part : parts) {
    SLUICE_ASSIGN_OR_RETURN(const auto size, store_.approximate_size(part.range));
    shards.push_back({to_spec(part), std::max<std::uint64_t>(size, 1)});
  }
  return std::optional(std::move(shards));
}

Result<std::string> CohortJobs::run(const job::Job& job, const job::Shard& shard,
                                    const job::ShardContext& context) {
  if (shard.phase == kWritePhase) {
    // The Group was written and the shard's end was not: a condition would not hold a second time.
    SLUICE_ASSIGN_OR_RETURN(const auto done, store_.document(outcome_key(job.id)));
    if (done) {
      SLUICE_ASSIGN_OR_RETURN(const auto outcome, parse_cohort_outcome(*done));
      return serialize(outcome);
    }
  }
  SLUICE_ASSIGN_OR_RETURN(const auto prepared, prepare(job));
  if (shard.phase == kWritePhase) {
    if (prepared == nullptr) return serialize(CohortOutcome());
    SLUICE_ASSIGN_OR_RETURN(const auto outcome, write(job, *prepared));
    return serialize(outcome);
  }
  SLUICE_ASSIGN_OR_RETURN(const auto part, part_of(shard.spec));
  if (prepared == nullptr || part.filter >= prepared->cohort.filters.size())
    return corrupt("a shard of a cohort cannot be read", "filter");
  const auto step = [&](std::uint64_t bytes) -> Result<void> {
    if (context.stop.stop_requested()) return Error{ErrorKind::kCancelled, "cancelled"};
    context.add_progress(bytes);
    return {};
  };
  SLUICE_ASSIGN_OR_RETURN(const auto ids, matching_subjects(store_, prepared->cohort, part,
                                                            job.snapshot.sequence, step));
  return joined(ids);
}

Result<std::vector<SubjectIds>> CohortJobs::collect(const job::Job& job,
                                                    std::size_t filters) const {
  std::vector<SubjectIds> found(filters);
  SLUICE_RETURN_IF_ERROR(
      job::each_shard(store_, job.id, kPage, [&](const job::Shard& shard) -> Result<void> {
        if (shard.phase != 0 || !shard.done) return {};
        SLUICE_ASSIGN_OR_RETURN(const auto part, part_of(shard.spec));
        if (part.filter < filters) append_ids(shard.result, found[part.filter]);
        return {};
      }));
  for (auto& ids : found) sort_unique(ids);
  return found;
}

Result<CohortOutcome> CohortJobs::write(const job::Job& job, const Prepared& prepared) {
  const CohortRequest& request = prepared.request;
  if (!request.stores_members) {
    SLUICE_ASSIGN_OR_RETURN(const auto text,
                            fhir::with_refreshed(prepared.group_json, std::nullopt));
    return write_group(job, prepared, text, nullptr);
  }
  SLUICE_ASSIGN_OR_RETURN(auto found, collect(job, prepared.cohort.filters.size()));
  auto members = choose_members(store_, prepared.cohort, prepared.group_json, std::move(found),
                                job.snapshot, request.base_url, {request.group_id});
  if (!members && (members.error().kind == ErrorKind::kUnprocessable ||
                   members.error().kind == ErrorKind::kInvalid))
    return refused(422, members.error().message);
  if (!members) return std::move(members).error();
  SLUICE_ASSIGN_OR_RETURN(
      const auto text,
      fhir::with_refreshed(prepared.group_json,
                           fhir::Refreshed{job.snapshot.instant, members->size()}));
  return write_group(job, prepared, text, &*members);
}

Result<store::WriteOutcome> CohortJobs::write_as(const CohortRequest& request,
                                                 const store::Transaction& transaction) {
  if (request.group_limit.empty()) return store_.write(transaction);
  SLUICE_ASSIGN_OR_RETURN(const auto filter,
                          search::ResourceFilter::compile(fhir::types::kGroup, request.group_limit,
                                                          {.base_url = request.base_url}));
  query::Rights rights{.read = filter};
  (request.operation == Operation::kCreate ? rights.create : rights.update) = filter;
  const SystemClock clock;
  return query::ScopedStore(store_, clock,
                            [&](fhir::ResourceType) -> Result<query::Rights> { return rights; })
      .write(transaction);
}

Result<CohortOutcome> CohortJobs::write_group(const job::Job& job, const Prepared& prepared,
                                              const std::string& text, const SubjectIds* members) {
  const CohortRequest& request = prepared.request;
  SLUICE_ASSIGN_OR_RETURN(auto resource, fhir::ResourceReader({}, request.base_url).read(text));
  if (members != nullptr)
    resource.members = fhir::encode_members(prepared.cohort.subject, *members);
  store::Transaction transaction;
  transaction.puts = {&resource};
  const fhir::ResourceId key{fhir::types::kGroup, request.group_id};
  if (request.operation == Operation::kRefresh)
    transaction.preconditions.push_back({key, prepared.version});
  else if (request.version)
    transaction.preconditions.push_back({key, *request.version});
  CohortOutcome outcome;
  transaction.documents_of = [&](const store::WriteOutcome& written) {
    const auto& put = written.puts.front();
    outcome.status = put.status == store::PutStatus::kCreated ? 201 : 200;
    outcome.version = put.version;
    outcome.last_updated = written.commit.instant;
    outcome.members = members == nullptr ? 0 : members->size();
    return std::vector<store::DocumentWrite>{{outcome_key(job.id), serialize(outcome)}};
  };
  const auto written = write_as(request, transaction);
  if (written) {
    spdlog::info("cohort written job={} group={} version={} members={} stored={}", job.id,
                 request.group_id, outcome.version, outcome.members, members != nullptr);
    return outcome;
  }
  if (written.error().kind == ErrorKind::kNotFound) return refused(404, written.error().message);
  if (written.error().kind == ErrorKind::kForbidden) return refused(403, written.error().message);
  if (written.error().kind != ErrorKind::kConflict) return written.error();
  // Somebody else wrote the Group meanwhile: a refresh is of no use then, for the next one is due.
  if (request.operation == Operation::kRefresh) return CohortOutcome();
  return refused(
      412, fmt::format("Group/{} is not the version that was to be replaced", request.group_id));
}

void CohortJobs::discard(std::string_view job_id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = prepared_.find(job_id); found != prepared_.end()) prepared_.erase(found);
  }
  store::Transaction removal;
  removal.durable = false;
  removal.documents.push_back({outcome_key(job_id), std::nullopt});
  if (const auto removed = store_.write(removal); !removed)
    spdlog::error("cannot remove outcome job={} detail=\"{}\"", job_id, removed.error().detail);
}

std::vector<std::string> CohortJobs::leftovers() {
  std::vector<std::string> ids;
  std::string after;
  while (true) {
    const auto page = store_.documents(kOutcomePrefix, after, kPage);
    if (!page || page->empty()) return ids;
    for (const auto& document : *page) ids.push_back(document.key.substr(kOutcomePrefix.size()));
    after = page->back().key;
  }
}

Result<CohortOutcome> cohort_outcome(const store::Store& store, std::string_view job_id) {
  SLUICE_ASSIGN_OR_RETURN(const auto shards,
                          job::stored_shards(store, job_id, {kWritePhase, 0}, 1));
  if (shards.empty()) return corrupt("the outcome of a cohort is missing", std::string(job_id));
  return parse_cohort_outcome(shards.front().result);
}

}  // namespace sluice::bulk
