// The engine's documents in the store, its housekeeping and its public face.
#include "job/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"
#include "base/utf8.h"
#include "base/worker_pool.h"
#include "job/documents.h"
#include "job/engine_impl.h"
#include "job/stored_jobs.h"

namespace sluice::job {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPage = 1000;
constexpr auto kTick = 1s;

}  // namespace

// ---- documents ----

Result<void> Engine::Impl::write_documents(ManagedJob& managed,
                                           std::vector<store::DocumentWrite> documents,
                                           bool durable) {
  const std::lock_guard lock(managed.documents_mutex);
  // A removed job must not come back as a document.
  if (managed.removed) return Error{ErrorKind::kCancelled, "the job was removed"};
  store::Transaction transaction;
  transaction.documents = std::move(documents);
  transaction.durable = durable;
  const auto outcome = store.write(transaction);
  if (!outcome) return outcome.error();
  return {};
}

Result<void> Engine::Impl::forget(ManagedJob& managed) {
  const std::lock_guard lock(managed.documents_mutex);
  // The job first: without it, whatever shards a crash leaves are orphans and go at the next start.
  store::Transaction transaction;
  transaction.documents.push_back({job_key(managed.job.id), std::nullopt});
  SLUICE_RETURN_IF_ERROR(store.write(transaction));
  managed.removed = true;
  if (const auto gone = forget_shards(managed.job.id); !gone)
    spdlog::warn("parts of a removed job stay until the next start id={} detail=\"{}\"",
                 managed.job.id, gone.error().detail);
  return {};
}

Result<void> Engine::Impl::forget_shards(std::string_view job_id) {
  const std::string prefix = shard_prefix(job_id);
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const auto page, store.documents(prefix, {}, kPage));
    if (page.empty()) return {};
    store::Transaction removal;
    removal.durable = false;
    for (const auto& document : page) removal.documents.push_back({document.key, std::nullopt});
    SLUICE_RETURN_IF_ERROR(store.write(removal));
  }
}

// ---- start ----

JobKind* Engine::Impl::find_kind(std::string_view name) const {
  for (const auto& each : kinds)
    if (each.kind->name() == name) return each.kind;
  return nullptr;
}

Result<void> Engine::Impl::recover(ManagedJob& managed) {
  if (&managed.kind == &lost)
    return corrupt(fmt::format("this server knows no jobs of the kind '{}'", managed.job.kind));
  ++managed.job.adoptions;
  const std::string prefix = shard_prefix(managed.job.id);
  std::string after;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const auto page, store.documents(prefix, after, kPage));
    if (page.empty()) break;
    for (const auto& document : page) {
      SLUICE_ASSIGN_OR_RETURN(Shard shard, parse_shard(document.key, document.value));
      if (shard.phase == managed.job.phase && shard.number != managed.shards.size())
        return corrupt("a stored part of the job is missing", document.key);
      managed.take(std::move(shard));
    }
    after = page.back().key;
  }
  if (!managed.job.planned) managed.clear_shards();
  if (managed.job.planned && managed.shards_open == 0) {
    // The crash came between the last shard and the step to the next phase.
    ++managed.job.phase;
    managed.job.planned = false;
    managed.clear_shards();
  }
  managed.stage = managed.job.planned ? ManagedJob::Stage::kRunning : ManagedJob::Stage::kToPlan;
  // When this fails, the job only counts as stuck later.
  (void)write_documents(managed, {{job_key(managed.job.id), serialize(managed.job)}});
  return {};
}

// the job of a document that cannot be read fails for its client, if the document still says
// whose it was, and expires.
std::shared_ptr<ManagedJob> Engine::Impl::lose(std::string_view job_id, std::string_view text,
                                               const Error& error) {
  Job job = salvage_job(job_id, text, error);
  job.snapshot = {store.last_commit().sequence, clock.now()};
  job.state = JobState::kRunning;  // until end_job() writes that it failed
  return std::make_shared<ManagedJob>(std::move(job), lost);
}

Result<void> Engine::Impl::recover_all() {
  std::string after;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const auto page, store.documents(job_key({}), after, kPage));
    if (page.empty()) break;
    for (const auto& document : page) {
      const auto id = std::string_view(document.key).substr(job_key({}).size());
      auto job = parse_job(id, document.value);
      JobKind* const kind = job ? find_kind(job->kind) : nullptr;
      const auto managed =
          job ? std::make_shared<ManagedJob>(std::move(*job), kind == nullptr ? lost : *kind)
              : lose(id, document.value, job.error());
      entries.emplace(managed->job.id, managed);
      if (managed->job.state == JobState::kFailed) continue;
      if (managed->job.state == JobState::kDone && kind != nullptr) continue;
      managed->job.state = JobState::kRunning;  // also one that was done, of a kind nobody knows
      const auto recovered = job ? recover(*managed) : Result<void>(job.error());
      if (!recovered && recovered.error().kind != ErrorKind::kCorrupt) return recovered.error();
      if (!recovered) {
        spdlog::error("job failed at the start id={} error=\"{}\" detail=\"{}\"", managed->job.id,
                      recovered.error().message, recovered.error().detail);
        end_job(*managed, JobState::kFailed, recovered.error().message);
        continue;
      }
      spdlog::info("job recovered id={} phase={} shards_waiting={}", managed->job.id,
                   managed->job.phase, managed->waiting.size());
      if (managed->job.adoptions > options.adoptions_max)
        end_job(*managed, JobState::kFailed, "the job was interrupted too often");
    }
    after = page.back().key;
  }
  return {};
}

Result<void> Engine::Impl::remove_orphans() {
  std::string after;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const auto page, store.documents("shard/", after, 1));
    if (page.empty()) break;
    const std::string& key = page.front().key;
    const std::string id = key.substr(6, key.find('/', 6) - 6);
    if (!entries.contains(id)) {
      // What a full disk keeps goes at the next start.
      if (const auto gone = forget_shards(id); !gone)
        spdlog::warn("orphans not removed id={} detail=\"{}\"", id, gone.error().detail);
    }
    after = shard_prefix(id) + "~";
  }
  for (const auto& each : kinds)
    for (const auto& id : each.kind->leftovers())
      if (is_valid_job_id(id) && !entries.contains(id)) disposal.add(*each.kind, id);
  return {};
}

// ---- housekeeping ----

void Engine::Impl::update_horizon() {
  store::Sequence oldest = store.last_commit().sequence;
  const auto retained =
      store.commit_at(clock.now() + (-std::chrono::milliseconds(options.history_retention)));
  if (retained) oldest = std::min(oldest, retained->sequence);
  const std::lock_guard lock(mutex);
  // A kick-off under way has its snapshot but is not in the list yet.
  if (submitting != 0) return;
  for (const auto& [id, managed] : entries)
    if (managed->job.state == JobState::kRunning && !managed->leaving &&
        managed->kind.reads_snapshot())
      oldest = std::min(oldest, managed->job.snapshot.sequence);
  store.set_history_horizon(oldest);
}

void Engine::housekeeping() {
  std::vector<std::shared_ptr<ManagedJob>> due;
  std::vector<std::shared_ptr<ManagedJob>> unsaved;
  {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& [id, managed] : impl_->entries) {
      if (managed->job.state == JobState::kRunning || managed->leaving) continue;
      if (managed->unsaved) unsaved.push_back(managed);
      if (managed->job.expires <= impl_->clock.now() && !managed->kind.in_use(id))
        due.push_back(managed);
    }
  }
  for (const auto& managed : unsaved)
    if (impl_->write_documents(*managed, {{job_key(managed->job.id), serialize(managed->job)}}))
      managed->unsaved = false;
  for (const auto& managed : due)
    if (impl_->remove(managed->job.id, &EngineStatistics::expired_total))
      spdlog::info("job expired id={}", managed->job.id);
  impl_->update_horizon();
}

// ---- the public face ----

Engine::Engine(store::Store& store, const Clock& clock, JobKind& kind, EngineOptions options)
    : Engine(store, clock, {{&kind, options.workers}}, options) {}

Engine::Engine(store::Store& store, const Clock& clock, std::vector<WorkerGroup> kinds,
               EngineOptions options)
    : impl_(std::make_unique<Impl>(store, clock, std::move(kinds), options)) {}

Engine::~Engine() {
  stop();
}

Result<void> Engine::start() {
  SLUICE_RETURN_IF_ERROR(impl_->recover_all());
  SLUICE_RETURN_IF_ERROR(impl_->remove_orphans());
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = false;
  }
  // Nobody else has the list yet.
  for (const auto& [id, managed] : impl_->entries) impl_->discard_if_idle(*managed);
  impl_->disposal.start();
  // Before a job goes on: what the run before has dropped is not taken for kept.
  impl_->update_horizon();
  for (const auto& each : impl_->kinds)
    for (std::size_t i = 0; i < each.workers; ++i)
      impl_->threads.emplace_back([this, kind = each.kind] {
        name_this_thread(std::string(kind->name()), impl_->options.worker_nice);
        impl_->work(*kind);
      });
  impl_->housekeeper = std::jthread([this](const std::stop_token& stop) {
    name_this_thread("housekeeping", 0);
    std::mutex idle;
    while (!stop.stop_requested()) {
      housekeeping();
      std::unique_lock lock(idle);
      impl_->tick.wait_for(lock, stop, kTick, [] { return false; });
    }
  });
  return {};
}

void Engine::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    for (const auto& [id, managed] : impl_->entries) managed->stop.request_stop();
  }
  impl_->work_ready.notify_all();
  for (auto& thread : impl_->threads) thread.join();
  impl_->threads.clear();
  if (impl_->housekeeper.joinable()) {
    impl_->housekeeper.request_stop();
    impl_->housekeeper.join();
  }
  impl_->disposal.stop();
}

// K-06: kick-offs under way count, or many at once would pass the limits.
Result<void> Engine::Impl::take_place(std::string_view client, std::string_view registration,
                                      std::size_t client_jobs_max) {
  const std::lock_guard lock(mutex);
  if (stopping)
    return Error{ErrorKind::kUnavailable, "the server is stopping", {}, std::chrono::seconds(10)};
  std::size_t running = submitting;
  std::size_t kept = 0;
  const std::pair own{std::string(client), std::string(registration)};
  const auto under_way = submitting_of.find(own);
  std::size_t of_client = under_way == submitting_of.end() ? 0 : under_way->second;
  for (const auto& [id, managed] : entries) {
    if (managed->leaving) continue;
    const bool is_own = managed->job.client == client && managed->job.registration == registration;
    if (is_own) ++kept;
    if (managed->job.state != JobState::kRunning) continue;
    ++running;
    if (is_own) ++of_client;
  }
  if (of_client >= client_jobs_max)
    return Error{ErrorKind::kTooManyRequests,
                 fmt::format("{} jobs of this client are running, which is the limit", of_client),
                 {},
                 std::chrono::seconds(10)};
  // The server's own jobs belong to no client.
  if (!client.empty() && kept >= options.kept_jobs_per_client_max)
    return Error{ErrorKind::kTooManyRequests,
                 fmt::format("{} jobs of this client are kept, which is the limit: delete those "
                             "that are not needed any more",
                             kept),
                 {},
                 std::chrono::seconds(60)};
  if (running >= options.jobs_max)
    return Error{ErrorKind::kTooManyRequests,
                 fmt::format("{} jobs are running, which is this server's limit", running),
                 {},
                 std::chrono::seconds(10)};
  ++submitting;
  ++submitting_of[own];
  return {};
}

// requests stay in memory as long as their jobs are kept.
Result<void> Engine::Impl::check_request_size(std::string_view client,
                                              std::string_view registration, std::size_t size) {
  std::size_t others = 0;
  const std::lock_guard lock(mutex);
  for (const auto& [id, managed] : entries)
    if (!managed->leaving && managed->job.client == client &&
        managed->job.registration == registration)
      others += managed->job.request.view().size();
  if (others == 0 || others + size <= options.requests_size_per_client_max) return {};
  return Error{ErrorKind::kTooManyRequests,
               "the requests of this client's jobs are too large together: delete those that are "
               "not needed any more",
               {},
               std::chrono::seconds(60)};
}

// Needs the mutex.
void Engine::Impl::leave_place(std::string_view client, std::string_view registration) {
  --submitting;
  const auto under_way = submitting_of.find({std::string(client), std::string(registration)});
  if (--under_way->second == 0) submitting_of.erase(under_way);
}

Result<Job> Engine::submit(std::string_view client,
                           const std::function<Result<std::string>(store::Commit)>& make_request,
                           std::size_t client_jobs_max, std::string_view kind_name,
                           std::string_view registration) {
  JobKind* kind = kind_name.empty() ? impl_->kinds.front().kind : impl_->find_kind(kind_name);
  if (kind == nullptr)
    return Error{ErrorKind::kInternal, fmt::format("there is no kind of job '{}'", kind_name)};
  if (client_jobs_max == 0) client_jobs_max = impl_->options.jobs_per_client_max;
  SLUICE_RETURN_IF_ERROR(impl_->take_place(client, registration, client_jobs_max));
  const auto make = [&]() -> Result<std::shared_ptr<ManagedJob>> {
    // An empty transaction fixes the snapshot: what commits later has a later instant (M-01).
    store::Transaction fix;
    fix.seals_instant = true;
    fix.durable = false;
    SLUICE_ASSIGN_OR_RETURN(const auto fixed, impl_->store.write(fix));
    Job job{.id = random_hex(16),
            .kind = std::string(kind->name()),
            .client = std::string(client),
            .registration = std::string(registration),
            .request = {},
            .snapshot = fixed.commit,
            .finished = {},
            .expires = {},
            .failure = {}};
    SLUICE_ASSIGN_OR_RETURN(job.request, make_request(job.snapshot));
    SLUICE_RETURN_IF_ERROR(
        impl_->check_request_size(client, registration, job.request.view().size()));
    auto managed = std::make_shared<ManagedJob>(std::move(job), *kind);
    SLUICE_RETURN_IF_ERROR(
        impl_->write_documents(*managed, {{job_key(managed->job.id), serialize(managed->job)}}));
    return managed;
  };
  Result<std::shared_ptr<ManagedJob>> managed = Error{ErrorKind::kInternal, "the kick-off failed"};
  try {
    managed = make();
  } catch (const std::exception& e) {
    managed = Error{ErrorKind::kInternal, "the kick-off failed", e.what()};
  }
  const std::lock_guard lock(impl_->mutex);
  impl_->leave_place(client, registration);
  if (!managed) return managed.error();
  ++impl_->totals.submitted_total;
  impl_->entries.emplace((*managed)->job.id, *managed);
  impl_->work_ready.notify_all();
  return (*managed)->job;
}

Result<JobView> Engine::view(std::string_view job_id) const {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->entries.find(job_id);
  if (found == impl_->entries.end() || found->second->leaving)
    return not_found(fmt::format("there is no job '{}'", shortened(job_id, 64)));
  return found->second->view(impl_->clock.now());
}

Result<std::vector<Shard>> Engine::shards(std::string_view job_id, ShardPosition from,
                                          std::size_t limit) const {
  return stored_shards(impl_->store, job_id, from, limit);
}

Result<void> Engine::remove(std::string_view job_id) {
  return impl_->remove(job_id, &EngineStatistics::deleted_total);
}

Result<void> Engine::Impl::remove(std::string_view job_id,
                                  std::uint64_t EngineStatistics::*counter) {
  std::shared_ptr<ManagedJob> managed;
  {
    const std::lock_guard lock(mutex);
    const auto found = entries.find(job_id);
    if (found == entries.end() || found->second->leaving)
      return not_found(fmt::format("there is no job '{}'", shortened(job_id, 64)));
    managed = found->second;
    managed->leaving = true;
    managed->stop.request_stop();
  }
  const auto forgotten = forget(*managed);
  {
    const std::lock_guard lock(mutex);
    if (!forgotten) {
      // It goes on, as far as anybody can tell.
      managed->leaving = false;
      managed->stop = std::stop_source();
      return forgotten.error();
    }
    managed->forgotten = true;
    ++(totals.*counter);
    entries.erase(managed->job.id);
  }
  discard_if_idle(*managed);
  return {};
}

std::size_t Engine::remove_if(const std::function<bool(const Job&)>& is_over) {
  std::vector<std::string> over;
  {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& [id, managed] : impl_->entries)
      if (!managed->leaving && is_over(managed->job)) over.push_back(id);
  }
  std::size_t removed = 0;
  for (const std::string& id : over) {
    const auto gone = remove(id);
    if (gone)
      ++removed;
    else if (gone.error().kind != ErrorKind::kNotFound)
      spdlog::warn("job not removed id={} error=\"{}\"", id, gone.error().message);
  }
  return removed;
}

void Engine::mark_damaged(std::string_view job_id, const std::string& failure) {
  std::shared_ptr<ManagedJob> managed;
  Job job;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->entries.find(job_id);
    if (found == impl_->entries.end() || found->second->leaving) return;
    managed = found->second;
    if (managed->job.state == JobState::kFailed) return;
    if (managed->job.state == JobState::kDone) {
      managed->job.state = JobState::kFailed;
      managed->job.failure = failure;
      managed->job.is_damaged = true;
      ++impl_->totals.failed_total;
    }
    job = managed->job;
  }
  if (job.state == JobState::kRunning) return impl_->end_job(*managed, JobState::kFailed, failure);
  spdlog::error("job failed after its end id={} failure=\"{}\"", job.id, failure);
  if (!impl_->write_documents(*managed, {{job_key(job.id), serialize(job)}}))
    managed->unsaved = true;  // Housekeeping tries again.
}

EngineStatistics Engine::statistics() const {
  return impl_->statistics();
}

EngineStatistics Engine::Impl::statistics() const {
  const std::lock_guard lock(mutex);
  EngineStatistics now = totals;
  for (const auto& [id, managed] : entries)
    if (managed->job.state == JobState::kRunning) {
      ++now.running;
      if (!managed->waits_for.empty()) ++now.waiting;
    } else {
      ++now.finished;
    }
  return now;
}

}  // namespace sluice::job
