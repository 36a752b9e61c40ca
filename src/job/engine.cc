// The engine's documents in the store, its housekeeping and its public face.
#include "job/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"
#include "base/worker_pool.h"
#include "job/engine_impl.h"

namespace sluice::job {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPage = 1000;
constexpr auto kTick = 1s;

}  // namespace

// ---- documents ----

Result<void> Engine::Impl::write_documents(Entry& entry,
                                           std::vector<store::DocumentWrite> documents,
                                           bool durable) {
  const std::lock_guard lock(entry.documents_mutex);
  // A removed job must not come back as a document.
  if (entry.removed) return Error{ErrorKind::kCancelled, "the job was removed"};
  store::Transaction transaction;
  transaction.documents = std::move(documents);
  transaction.durable = durable;
  const auto outcome = store.write(transaction);
  if (!outcome) return outcome.error();
  return {};
}

Result<void> Engine::Impl::forget(Entry& entry) {
  const std::lock_guard lock(entry.documents_mutex);
  entry.removed = true;
  // The job first: without it, whatever shards a crash leaves are orphans and go at the next start.
  store::Transaction transaction;
  transaction.documents.push_back({job_key(entry.job.id), std::nullopt});
  SLUICE_CHECK(store.write(transaction));
  const std::string prefix = shard_prefix(entry.job.id);
  while (true) {
    SLUICE_TRY(const auto page, store.documents(prefix, {}, kPage));
    if (page.empty()) return {};
    store::Transaction removal;
    removal.durable = false;
    for (const auto& document : page) removal.documents.push_back({document.key, std::nullopt});
    SLUICE_CHECK(store.write(removal));
  }
}

// ---- start ----

JobKind* Engine::Impl::find_kind(std::string_view name) const {
  for (const auto& each : kinds)
    if (each.kind->name() == name) return each.kind;
  return nullptr;
}

Result<std::shared_ptr<Entry>> Engine::Impl::adopt(Job job) {
  JobKind* kind = find_kind(job.kind);
  if (kind == nullptr)
    return corrupt(fmt::format("a stored job is of the unknown kind '{}'", job.kind));
  auto entry = std::make_shared<Entry>(std::move(job), *kind);
  if (entry->job.state != JobState::kRunning) return entry;
  ++entry->job.adoptions;
  const std::string prefix = shard_prefix(entry->job.id);
  std::string after;
  while (true) {
    SLUICE_TRY(const auto page, store.documents(prefix, after, kPage));
    if (page.empty()) break;
    for (const auto& document : page) {
      SLUICE_TRY(Shard shard, parse_shard(document.key, document.value));
      entry->take(std::move(shard));
    }
    after = page.back().key;
  }
  if (entry->job.planned && entry->shards_open == 0) {
    // The crash came between the last shard and the step to the next phase.
    ++entry->job.phase;
    entry->job.planned = false;
    entry->clear_shards();
  }
  entry->stage = entry->job.planned ? Entry::Stage::kRunning : Entry::Stage::kToPlan;
  SLUICE_CHECK(write_documents(*entry, {{job_key(entry->job.id), serialize(entry->job)}}));
  return entry;
}

Result<void> Engine::Impl::adopt_all() {
  std::string after;
  while (true) {
    SLUICE_TRY(const auto page, store.documents("job/", after, kPage));
    if (page.empty()) break;
    for (const auto& document : page) {
      SLUICE_TRY(Job job, parse_job(std::string_view(document.key).substr(4), document.value));
      SLUICE_TRY(auto entry, adopt(std::move(job)));
      entries.emplace(entry->job.id, entry);
      if (entry->job.state == JobState::kRunning) {
        spdlog::info("job adopted id={} phase={} shards_waiting={}", entry->job.id,
                     entry->job.phase, entry->waiting.size());
        if (entry->job.adoptions > options.adoptions_max)
          end_job(*entry, JobState::kFailed, "the job was interrupted too often");
      }
    }
    after = page.back().key;
  }
  return {};
}

Result<void> Engine::Impl::remove_orphans() {
  std::string after;
  while (true) {
    SLUICE_TRY(const auto page, store.documents("shard/", after, 1));
    if (page.empty()) break;
    const std::string& key = page.front().key;
    const std::string id = key.substr(6, key.find('/', 6) - 6);
    if (!entries.contains(id)) {
      Entry orphan{Job{.id = id,
                       .client = {},
                       .request = {},
                       .snapshot = {},
                       .finished = {},
                       .expires = {},
                       .failure = {}},
                   *kinds.front().kind};
      SLUICE_CHECK(forget(orphan));
    }
    after = shard_prefix(id) + "~";
  }
  for (const auto& each : kinds)
    for (const auto& id : each.kind->leftovers())
      if (!entries.contains(id)) each.kind->discard(id);
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
  for (const auto& [id, entry] : entries)
    if (entry->job.state == JobState::kRunning && !entry->leaving && entry->kind.reads_snapshot())
      oldest = std::min(oldest, entry->job.snapshot.sequence);
  store.set_history_horizon(oldest);
}

void Engine::housekeeping() {
  std::vector<std::shared_ptr<Entry>> due;
  std::vector<std::shared_ptr<Entry>> unsaved;
  {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& [id, entry] : impl_->entries) {
      if (entry->job.state == JobState::kRunning || entry->leaving) continue;
      if (entry->unsaved) unsaved.push_back(entry);
      if (entry->job.expires <= impl_->clock.now() && !entry->kind.in_use(id)) due.push_back(entry);
    }
  }
  for (const auto& entry : unsaved)
    if (impl_->write_documents(*entry, {{job_key(entry->job.id), serialize(entry->job)}}))
      entry->unsaved = false;
  for (const auto& entry : due) {
    if (!remove(entry->job.id)) continue;
    const std::lock_guard lock(impl_->mutex);
    --impl_->totals.deleted_total;
    ++impl_->totals.expired_total;
    spdlog::info("job expired id={}", entry->job.id);
  }
  impl_->update_horizon();
}

// ---- the public face ----

Engine::Engine(store::Store& store, const Clock& clock, JobKind& kind, EngineOptions options)
    : Engine(store, clock, {{&kind, options.workers}}, options) {}

Engine::Engine(store::Store& store, const Clock& clock, std::vector<KindOfJobs> kinds,
               EngineOptions options)
    : impl_(std::make_unique<Impl>(store, clock, std::move(kinds), options)) {}

Engine::~Engine() {
  stop();
}

Result<void> Engine::start() {
  SLUICE_CHECK(impl_->adopt_all());
  SLUICE_CHECK(impl_->remove_orphans());
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = false;
    for (const auto& [id, entry] : impl_->entries) impl_->discard_if_idle(*entry);
  }
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
    for (const auto& [id, entry] : impl_->entries) entry->stop.request_stop();
  }
  impl_->work_ready.notify_all();
  for (auto& thread : impl_->threads) thread.join();
  impl_->threads.clear();
  if (impl_->housekeeper.joinable()) {
    impl_->housekeeper.request_stop();
    impl_->housekeeper.join();
  }
}

Result<Job> Engine::submit(std::string_view client,
                           const std::function<Result<std::string>(store::Commit)>& make_request,
                           std::size_t client_jobs_max, std::string_view kind_name,
                           std::string_view registration) {
  JobKind* kind = kind_name.empty() ? impl_->kinds.front().kind : impl_->find_kind(kind_name);
  if (kind == nullptr)
    return Error{ErrorKind::kInternal, fmt::format("there is no kind of job '{}'", kind_name)};
  if (client_jobs_max == 0) client_jobs_max = impl_->options.jobs_per_client_max;
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->stopping)
      return Error{ErrorKind::kUnavailable, "the server is stopping", {}, std::chrono::seconds(10)};
    std::size_t running = impl_->submitting;
    std::size_t of_client = 0;
    for (const auto& [id, entry] : impl_->entries) {
      if (entry->job.state != JobState::kRunning || entry->leaving) continue;
      ++running;
      if (entry->job.client == client) ++of_client;
    }
    if (of_client >= client_jobs_max)
      return Error{ErrorKind::kTooManyRequests,
                   fmt::format("{} jobs of this client are running, which is the limit", of_client),
                   {},
                   std::chrono::seconds(10)};
    if (running >= impl_->options.jobs_max)
      return Error{ErrorKind::kTooManyRequests,
                   fmt::format("{} jobs are running, which is this server's limit", running),
                   {},
                   std::chrono::seconds(10)};
    ++impl_->submitting;
  }
  const auto make = [&]() -> Result<std::shared_ptr<Entry>> {
    // An empty transaction fixes the snapshot: what commits later has a later instant (M-01).
    store::Transaction fix;
    fix.seals_instant = true;
    fix.durable = false;
    SLUICE_TRY(const auto fixed, impl_->store.write(fix));
    Job job{.id = random_hex(16),
            .kind = std::string(kind->name()),
            .client = std::string(client),
            .registration = std::string(registration),
            .request = {},
            .snapshot = fixed.commit,
            .finished = {},
            .expires = {},
            .failure = {}};
    SLUICE_TRY(job.request, make_request(job.snapshot));
    auto entry = std::make_shared<Entry>(std::move(job), *kind);
    SLUICE_CHECK(impl_->write_documents(*entry, {{job_key(entry->job.id), serialize(entry->job)}}));
    return entry;
  };
  auto entry = make();
  const std::lock_guard lock(impl_->mutex);
  --impl_->submitting;
  if (!entry) return entry.error();
  ++impl_->totals.submitted_total;
  impl_->entries.emplace((*entry)->job.id, *entry);
  impl_->work_ready.notify_all();
  return (*entry)->job;
}

Result<JobView> Engine::view(std::string_view job_id) const {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->entries.find(job_id);
  if (found == impl_->entries.end() || found->second->leaving)
    return not_found(fmt::format("there is no job '{}'", job_id.substr(0, 64)));
  return found->second->view(impl_->clock.now());
}

Result<std::vector<std::pair<std::string, Shard>>> Engine::shards(std::string_view job_id,
                                                                  std::string_view after_key,
                                                                  std::size_t limit) const {
  SLUICE_TRY(const auto page, impl_->store.documents(shard_prefix(job_id), after_key, limit));
  std::vector<std::pair<std::string, Shard>> shards;
  for (const auto& document : page) {
    SLUICE_TRY(Shard shard, parse_shard(document.key, document.value));
    shards.emplace_back(document.key, std::move(shard));
  }
  return shards;
}

Result<void> Engine::remove(std::string_view job_id) {
  std::shared_ptr<Entry> entry;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->entries.find(job_id);
    if (found == impl_->entries.end() || found->second->leaving)
      return not_found(fmt::format("there is no job '{}'", job_id.substr(0, 64)));
    entry = found->second;
    entry->leaving = true;
    entry->stop.request_stop();
  }
  const auto forgotten = impl_->forget(*entry);
  const std::lock_guard lock(impl_->mutex);
  if (!forgotten) {
    entry->leaving = false;
    return forgotten.error();
  }
  ++impl_->totals.deleted_total;
  impl_->entries.erase(impl_->entries.find(job_id));
  impl_->discard_if_idle(*entry);
  return {};
}

void Engine::mark_damaged(std::string_view job_id, const std::string& failure) {
  std::shared_ptr<Entry> entry;
  Job job;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->entries.find(job_id);
    if (found == impl_->entries.end() || found->second->leaving) return;
    entry = found->second;
    if (entry->job.state == JobState::kFailed) return;
    if (entry->job.state == JobState::kDone) {
      entry->job.state = JobState::kFailed;
      entry->job.failure = failure;
      entry->job.is_damaged = true;
      ++impl_->totals.failed_total;
    }
    job = entry->job;
  }
  if (job.state == JobState::kRunning) return impl_->end_job(*entry, JobState::kFailed, failure);
  spdlog::error("job failed after its end id={} failure=\"{}\"", job.id, failure);
  if (!impl_->write_documents(*entry, {{job_key(job.id), serialize(job)}}))
    entry->unsaved = true;  // Housekeeping tries again.
}

EngineStatistics Engine::statistics() const {
  const std::lock_guard lock(impl_->mutex);
  EngineStatistics statistics = impl_->totals;
  for (const auto& [id, entry] : impl_->entries)
    ++(entry->job.state == JobState::kRunning ? statistics.running : statistics.finished);
  return statistics;
}

}  // namespace sluice::job
