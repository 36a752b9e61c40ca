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

std::shared_ptr<Entry> Engine::Impl::pick(const JobKind& kind, Entry::Task& task) {
  std::shared_ptr<Entry> best;
  std::pair<std::uint64_t, std::uint64_t> best_rank{};
  for (const auto& [id, entry] : entries) {
    if (&entry->kind != &kind || !entry->has_task(std::chrono::steady_clock::now())) continue;
    const std::pair rank{last_turn[entry->job.client], entry->job.snapshot.sequence.value};
    if (!best || rank < best_rank) {
      best = entry;
      best_rank = rank;
    }
  }
  if (best) {
    last_turn[best->job.client] = ++turn;
    task = best->take_task();
  }
  return best;
}

bool Engine::Impl::others_wait(const Entry& entry) {
  const std::lock_guard lock(mutex);
  return std::any_of(entries.begin(), entries.end(), [&](const auto& each) {
    const Entry& other = *each.second;
    return &other.kind == &entry.kind && other.job.client != entry.job.client &&
           other.has_task(std::chrono::steady_clock::now());
  });
}

void Engine::Impl::work(const JobKind& kind) {
  std::unique_lock lock(mutex);
  while (true) {
    Entry::Task task;
    std::shared_ptr<Entry> entry;
    while (!stopping && !(entry = pick(kind, task))) work_ready.wait_for(lock, kRetryStep);
    if (stopping) return;
    lock.unlock();
    if (task.is_plan)
      plan(*entry);
    else
      run_shard(*entry, task.shard);
    lock.lock();
    --entry->at_work;
    lock.unlock();
    discard_if_idle(*entry);
    lock.lock();
    work_ready.notify_all();
  }
}

void Engine::Impl::discard_if_idle(Entry& entry) {
  {
    const std::lock_guard lock(mutex);
    if (entry.at_work != 0 || entry.discarded) return;
    // What a damaged job has beside the damage can still be fetched.
    const bool is_of_use = entry.job.state != JobState::kFailed || entry.job.is_damaged;
    if (!entry.forgotten && is_of_use) return;
    entry.discarded = true;
  }
  if (is_valid_job_id(entry.job.id)) entry.kind.discard(entry.job.id);
}

// ---- waiting ----

bool Engine::Impl::wait_for_room(Entry& entry, const Error& error) {
  if (!lacks_room(error)) return false;
  const bool is_new = entry.waits_for.empty();
  entry.wait_for(error.message, options.wait_first, options.wait_longest);
  return is_new || std::chrono::steady_clock::now() - entry.waits_since <= options.room_patience;
}

// ---- planning ----

Result<std::optional<std::vector<ShardPlan>>> Engine::Impl::next_shards(Entry& entry, Job& job) {
  std::stop_token stop;
  {
    const std::lock_guard lock(mutex);
    stop = entry.stop.get_token();
  }
  try {
    auto planned = entry.kind.plan(job, stop);
    // A phase without shards is over at once, and after a crash it is so again.
    while (planned && *planned && (*planned)->empty()) {
      ++job.phase;
      planned = entry.kind.plan(job, stop);
    }
    return planned;
  } catch (const std::exception& e) {
    return Error{ErrorKind::kInternal, "the job failed", e.what()};
  }
}

void Engine::Impl::plan(Entry& entry) {
  Job job;
  {
    const std::lock_guard lock(mutex);
    job = entry.job;
  }
  auto planned = next_shards(entry, job);
  if (!planned) {
    bool waits = false;
    {
      const std::lock_guard lock(mutex);
      waits = wait_for_room(entry, planned.error());
      if (waits || planned.error().kind == ErrorKind::kCancelled)
        entry.stage = Entry::Stage::kToPlan;
    }
    if (waits) log_wait(job.id, planned.error());
    if (waits || planned.error().kind == ErrorKind::kCancelled) return;
    spdlog::error("job planning failed id={} error=\"{}\" detail=\"{}\"", job.id,
                  planned.error().message, planned.error().detail);
    end_job(entry, JobState::kFailed, planned.error().message);
    return;
  }
  if (!*planned) {
    end_job(entry, JobState::kDone, {});
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
  const auto written = write_documents(entry, std::move(documents), false);
  const std::lock_guard lock(mutex);
  if (!written) {
    if (!wait_for_room(entry, written.error())) entry.postpone(kRetryStep);
    entry.stage = Entry::Stage::kToPlan;
    return;
  }
  entry.goes_on();
  entry.job = job;
  for (auto& shard : shards) entry.take(std::move(shard));
  entry.stage = Entry::Stage::kRunning;
}

// ---- shards ----

void Engine::Impl::set_weight(Entry& entry, Shard& shard, std::uint64_t weight) {
  const std::lock_guard lock(mutex);
  if (entry.job.state != JobState::kRunning || entry.leaving) return;
  weight = std::max<std::uint64_t>(weight, 1);
  entry.weight_total += weight - shard.weight;
  shard.weight = weight;
  entry.shards[shard.number].weight = weight;
}

void Engine::Impl::progressed(Entry& entry) {
  Job job;
  {
    const std::lock_guard lock(mutex);
    entry.goes_on();
    if (entry.job.adoptions == 0 || entry.job.state != JobState::kRunning) return;
    entry.job.adoptions = 0;
    job = entry.job;
  }
  // When this fails, the job only counts as stuck sooner.
  (void)write_documents(entry, {{job_key(job.id), serialize(job)}});
  // Another shard may have failed the job meanwhile: its end is written once more.
  const std::lock_guard lock(mutex);
  if (entry.job.state != JobState::kRunning) entry.unsaved = true;
}

void Engine::Impl::run_shard(Entry& entry, Shard shard) {
  Job job;
  std::stop_token stop;
  {
    const std::lock_guard lock(mutex);
    job = entry.job;
    stop = entry.stop.get_token();
  }
  std::uint64_t reported = 0;
  const ShardContext context{
      .stop = stop,
      .add_progress =
          [&](std::uint64_t weight) {
            weight = std::min(weight, shard.weight - std::min(reported, shard.weight));
            reported += weight;
            entry.weight_done += weight;
          },
      .set_weight = [&](std::uint64_t weight) { set_weight(entry, shard, weight); },
      .progressed = [&] { progressed(entry); },
      .others_wait = [&] { return others_wait(entry); }};
  Result<std::string> result = Error{ErrorKind::kInternal, "the job failed"};
  const auto began = std::chrono::steady_clock::now();
  try {
    result = entry.kind.run(job, shard, context);
  } catch (const std::exception& e) {
    result = Error{ErrorKind::kInternal, "the job failed", e.what()};
  }
  if (result) {
    finish_shard(entry, shard, std::move(*result), reported,
                 std::chrono::steady_clock::now() - began);
  } else {
    entry.weight_done -= reported;
    shard_failed(entry, shard, result.error());
  }
}

void Engine::Impl::finish_shard(Entry& entry, Shard shard, std::string result,
                                std::uint64_t reported, std::chrono::steady_clock::duration took) {
  Job job;
  bool last = false;
  {
    const std::lock_guard lock(mutex);
    if (entry.job.state != JobState::kRunning || entry.leaving) return;
    last = entry.shards_open == 1;
    entry.job.adoptions = 0;
    job = entry.job;
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
  const auto written = write_documents(entry, std::move(documents));
  if (!written) {
    entry.weight_done -= reported;
    shard_failed(entry, shard, written.error());
    return;
  }
  const std::lock_guard lock(mutex);
  ++totals.shards_total;
  metrics.shard_finished(entry.kind.name(), took);
  entry.goes_on();
  // In one step: a poll in between must not see the progress fall.
  entry.weight_done += shard.weight - reported;
  if (entry.job.state != JobState::kRunning) return;
  // Two last shards may finish side by side, neither knowing that it is the last: then memory goes
  // on from here, and after a crash adopt() finds a phase without open shards.
  if (--entry.shards_open == 0) {
    ++entry.job.phase;
    entry.job.planned = false;
    entry.clear_shards();
    entry.stage = Entry::Stage::kToPlan;
  }
}

void Engine::Impl::shard_failed(Entry& entry, const Shard& shard, const Error& error) {
  bool give_up = false;
  bool waits = false;
  {
    const std::lock_guard lock(mutex);
    if (entry.leaving || entry.job.state != JobState::kRunning) return;
    entry.waiting.push_front(shard.number);
    if (error.kind == ErrorKind::kCancelled) return;
    waits = wait_for_room(entry, error);
    if (!waits) entry.postpone(kRetryStep);
    if (!waits)
      give_up = lacks_room(error) || ++entry.attempts[shard.number] >= options.attempts_max;
  }
  if (waits) return log_wait(entry.job.id, error);
  spdlog::warn("shard failed job={} shard={} kind={} error=\"{}\" detail=\"{}\" final={}",
               entry.job.id, shard.number, to_string(error.kind), error.message, error.detail,
               give_up);
  if (give_up) end_job(entry, JobState::kFailed, error.message);
}

void Engine::Impl::end_job(Entry& entry, JobState state, const std::string& failure) {
  Job job;
  {
    const std::lock_guard lock(mutex);
    if (entry.job.state != JobState::kRunning || entry.leaving) return;
    entry.job.state = state;
    entry.job.failure = failure;
    entry.job.finished = clock.now();
    entry.job.expires = entry.job.finished + options.expiry;
    entry.stage = Entry::Stage::kEnded;
    entry.clear_shards();
    ++(state == JobState::kDone ? totals.done_total : totals.failed_total);
    metrics.job_ended(entry.kind.name(), state, entry.job.finished - entry.job.snapshot.instant);
    if (state == JobState::kFailed) entry.stop.request_stop();
    job = entry.job;
  }
  job.request.end();
  const auto written = write_documents(entry, {{job_key(job.id), serialize(job)}});
  if (!written) entry.unsaved = true;  // Housekeeping tries again.
  spdlog::info("job ended id={} state={} seconds={:.3f}", job.id,
               state == JobState::kDone ? "done" : "failed",
               static_cast<double>((job.finished - job.snapshot.instant).count()) / 1000.0);
}

}  // namespace sluice::job
