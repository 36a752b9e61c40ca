// What the engine's threads do: take turns, plan jobs, run their shards.
#include <algorithm>

#include "base/log.h"
#include "job/documents.h"
#include "job/engine_impl.h"

namespace sluice::job {
namespace {

using namespace std::chrono_literals;

constexpr auto kRetryStep = 500ms;

// A full disk, no descriptors: nothing is wrong with the job.
bool lacks_room(const Error& error) {
  return error.kind == ErrorKind::kStorage && error.retry_after;
}

void log_wait(const std::string& job_id, const Error& error) {
  spdlog::warn("job waits id={} error=\"{}\" detail=\"{}\"", job_id, error.message, error.detail);
}

}  // namespace

// ---- turns ----

std::shared_ptr<ManagedJob> Engine::Impl::pick(const JobKind& kind, ManagedJob::Task& task) {
  std::shared_ptr<ManagedJob> best;
  std::pair<std::uint64_t, std::uint64_t> best_rank{};
  for (const auto& [id, managed] : entries) {
    if (&managed->kind != &kind || !managed->has_task(std::chrono::steady_clock::now())) continue;
    const std::pair rank{last_turn[managed->job.client], managed->job.snapshot.sequence.value};
    if (!best || rank < best_rank) {
      best = managed;
      best_rank = rank;
    }
  }
  if (best) {
    last_turn[best->job.client] = ++turn;
    task = best->take_task();
  }
  return best;
}

bool Engine::Impl::others_wait(const ManagedJob& managed) {
  const std::lock_guard lock(mutex);
  return std::any_of(entries.begin(), entries.end(), [&](const auto& each) {
    const ManagedJob& other = *each.second;
    return &other.kind == &managed.kind && other.job.client != managed.job.client &&
           other.has_task(std::chrono::steady_clock::now());
  });
}

void Engine::Impl::work(const JobKind& kind) {
  std::unique_lock lock(mutex);
  while (true) {
    ManagedJob::Task task;
    std::shared_ptr<ManagedJob> managed;
    while (!stopping && !(managed = pick(kind, task))) work_ready.wait_for(lock, kRetryStep);
    if (stopping) return;
    lock.unlock();
    if (task.is_plan)
      plan(*managed);
    else
      run_shard(*managed, task.shard);
    lock.lock();
    --managed->at_work;
    lock.unlock();
    discard_if_idle(*managed);
    lock.lock();
    work_ready.notify_all();
  }
}

void Engine::Impl::discard_if_idle(ManagedJob& managed) {
  const std::lock_guard lock(mutex);
  if (managed.at_work != 0 || managed.discarded) return;
  // What a damaged job has beside the damage can still be fetched.
  const bool is_of_use = managed.job.state != JobState::kFailed || managed.job.is_damaged;
  if (!managed.forgotten && is_of_use) return;
  managed.discarded = true;
  if (is_valid_job_id(managed.job.id)) disposal.add(managed.kind, managed.job.id);
}

// ---- waiting ----

bool Engine::Impl::wait_for_room(ManagedJob& managed, const Error& error) {
  if (!lacks_room(error)) return false;
  const bool is_new = managed.waits_for.empty();
  managed.wait_for(error.message, options.wait_first, options.wait_longest);
  return is_new || std::chrono::steady_clock::now() - managed.waits_since <= options.room_patience;
}

// ---- planning ----

Result<std::optional<std::vector<ShardPlan>>> Engine::Impl::next_shards(ManagedJob& managed,
                                                                        Job& job) {
  std::stop_token stop;
  {
    const std::lock_guard lock(mutex);
    stop = managed.stop.get_token();
  }
  try {
    auto planned = managed.kind.plan(job, stop);
    // A phase without shards is over at once, and after a crash it is so again.
    while (planned && *planned && (*planned)->empty()) {
      ++job.phase;
      planned = managed.kind.plan(job, stop);
    }
    return planned;
  } catch (const std::exception& e) {
    return Error{ErrorKind::kInternal, "the job failed", e.what()};
  }
}

void Engine::Impl::plan(ManagedJob& managed) {
  Job job;
  {
    const std::lock_guard lock(mutex);
    job = managed.job;
  }
  auto planned = next_shards(managed, job);
  if (!planned) {
    bool waits = false;
    {
      const std::lock_guard lock(mutex);
      waits = wait_for_room(managed, planned.error());
      if (waits || planned.error().kind == ErrorKind::kCancelled)
        managed.stage = ManagedJob::Stage::kToPlan;
    }
    if (waits) log_wait(job.id, planned.error());
    if (waits || planned.error().kind == ErrorKind::kCancelled) return;
    spdlog::error("job planning failed id={} error=\"{}\" detail=\"{}\"", job.id,
                  planned.error().message, planned.error().detail);
    end_job(managed, JobState::kFailed, planned.error().message);
    return;
  }
  if (!*planned) {
    end_job(managed, JobState::kDone, {});
    return;
  }
  std::vector<Shard> shards;
  std::vector<store::DocumentWrite> documents;
  for (auto& plan : **planned) {
    Shard shard{job.phase,
                static_cast<unsigned>(shards.size()),
                std::max<std::uint64_t>(plan.weight, 1),
                false,
                std::move(plan.spec),
                {}};
    documents.push_back({shard_key(job.id, shard.position()), serialize(shard)});
    shards.push_back(std::move(shard));
  }
  job.planned = true;
  documents.push_back({job_key(job.id), serialize(job)});
  // A crash that loses a plan loses all that was done by it, and it is made once more.
  const auto written = write_documents(managed, std::move(documents), false);
  const std::lock_guard lock(mutex);
  if (!written) {
    if (!wait_for_room(managed, written.error())) managed.postpone(kRetryStep);
    managed.stage = ManagedJob::Stage::kToPlan;
    return;
  }
  managed.goes_on();
  managed.job = job;
  for (auto& shard : shards) managed.take(std::move(shard));
  managed.stage = ManagedJob::Stage::kRunning;
}

// ---- shards ----

void Engine::Impl::set_weight(ManagedJob& managed, Shard& shard, std::uint64_t weight) {
  const std::lock_guard lock(mutex);
  if (managed.job.state != JobState::kRunning || managed.leaving) return;
  weight = std::max<std::uint64_t>(weight, 1);
  managed.weight_total += weight - shard.weight;
  shard.weight = weight;
  managed.shards[shard.number].weight = weight;
}

void Engine::Impl::progressed(ManagedJob& managed) {
  Job job;
  {
    const std::lock_guard lock(mutex);
    managed.goes_on();
    if (managed.job.adoptions == 0 || managed.job.state != JobState::kRunning) return;
    managed.job.adoptions = 0;
    job = managed.job;
  }
  // When this fails, the job only counts as stuck sooner.
  (void)write_documents(managed, {{job_key(job.id), serialize(job)}});
  // Another shard may have failed the job meanwhile: its end is written once more.
  const std::lock_guard lock(mutex);
  if (managed.job.state != JobState::kRunning) managed.unsaved = true;
}

void Engine::Impl::run_shard(ManagedJob& managed, Shard shard) {
  Job job;
  std::stop_token stop;
  {
    const std::lock_guard lock(mutex);
    job = managed.job;
    stop = managed.stop.get_token();
  }
  std::uint64_t reported = 0;
  const ShardContext context{
      .stop = stop,
      .add_progress =
          [&](std::uint64_t weight) {
            weight = std::min(weight, shard.weight - std::min(reported, shard.weight));
            reported += weight;
            managed.weight_done += weight;
          },
      .set_weight = [&](std::uint64_t weight) { set_weight(managed, shard, weight); },
      .progressed = [&] { progressed(managed); },
      .others_wait = [&] { return others_wait(managed); }};
  Result<std::string> result = Error{ErrorKind::kInternal, "the job failed"};
  const auto began = std::chrono::steady_clock::now();
  try {
    result = managed.kind.run(job, shard, context);
  } catch (const std::exception& e) {
    result = Error{ErrorKind::kInternal, "the job failed", e.what()};
  }
  if (result) {
    finish_shard(managed, shard, std::move(*result), reported,
                 std::chrono::steady_clock::now() - began);
  } else {
    managed.weight_done -= reported;
    shard_failed(managed, shard, result.error());
  }
}

void Engine::Impl::finish_shard(ManagedJob& managed, Shard shard, std::string result,
                                std::uint64_t reported, std::chrono::steady_clock::duration took) {
  Job job;
  bool last = false;
  {
    const std::lock_guard lock(mutex);
    if (managed.job.state != JobState::kRunning || managed.leaving) return;
    last = managed.shards_open == 1;
    managed.job.adoptions = 0;
    job = managed.job;
  }
  shard.done = true;
  shard.result = std::move(result);
  std::vector<store::DocumentWrite> documents;
  documents.push_back({shard_key(job.id, shard.position()), serialize(shard)});
  if (last) {
    ++job.phase;
    job.planned = false;
  }
  documents.push_back({job_key(job.id), serialize(job)});
  const auto written = write_documents(managed, std::move(documents));
  if (!written) {
    managed.weight_done -= reported;
    shard_failed(managed, shard, written.error());
    return;
  }
  const std::lock_guard lock(mutex);
  ++totals.shards_total;
  metrics.shard_finished(managed.kind.name(), took);
  managed.goes_on();
  // In one step: a poll in between must not see the progress fall.
  managed.weight_done += shard.weight - reported;
  if (managed.job.state != JobState::kRunning) return;
  // Two last shards may finish side by side, neither knowing that it is the last: then memory goes
  // on from here, and after a crash recover() finds a phase without open shards.
  if (--managed.shards_open == 0) {
    ++managed.job.phase;
    managed.job.planned = false;
    managed.clear_shards();
    managed.stage = ManagedJob::Stage::kToPlan;
  }
}

void Engine::Impl::shard_failed(ManagedJob& managed, const Shard& shard, const Error& error) {
  bool give_up = false;
  bool waits = false;
  {
    const std::lock_guard lock(mutex);
    if (managed.leaving || managed.job.state != JobState::kRunning) return;
    managed.waiting.push_front(shard.number);
    if (error.kind == ErrorKind::kCancelled) return;
    waits = wait_for_room(managed, error);
    if (!waits) managed.postpone(kRetryStep);
    if (!waits)
      give_up = lacks_room(error) || ++managed.attempts[shard.number] >= options.attempts_max;
  }
  if (waits) return log_wait(managed.job.id, error);
  spdlog::warn("shard failed job={} shard={} kind={} error=\"{}\" detail=\"{}\" final={}",
               managed.job.id, shard.number, to_string(error.kind), error.message, error.detail,
               give_up);
  if (give_up) end_job(managed, JobState::kFailed, error.message);
}

void Engine::Impl::end_job(ManagedJob& managed, JobState state, const std::string& failure) {
  Job job;
  {
    const std::lock_guard lock(mutex);
    if (managed.job.state != JobState::kRunning || managed.leaving) return;
    managed.job.state = state;
    managed.job.failure = failure;
    managed.job.finished = clock.now();
    managed.job.expires = managed.job.finished + options.expiry;
    managed.stage = ManagedJob::Stage::kEnded;
    managed.clear_shards();
    ++(state == JobState::kDone ? totals.done_total : totals.failed_total);
    metrics.job_ended(managed.kind.name(), state,
                      managed.job.finished - managed.job.snapshot.instant);
    if (state == JobState::kFailed) managed.stop.request_stop();
    job = managed.job;
  }
  job.request.end();
  const auto written = write_documents(managed, {{job_key(job.id), serialize(job)}});
  if (!written) managed.unsaved = true;  // Housekeeping tries again.
  spdlog::info("job ended id={} state={} seconds={:.3f}", job.id,
               state == JobState::kDone ? "done" : "failed",
               static_cast<double>((job.finished - job.snapshot.instant).count()) / 1000.0);
}

}  // namespace sluice::job
