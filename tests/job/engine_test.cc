// The job engine: turns, limits, restarts, failures, delete and expiry, with a kind of job that
// only counts.
#include "job/engine.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "store/rocksdb/rocksdb_store.h"

namespace sluice::job {
namespace {

using namespace std::chrono_literals;

class TestClock final : public Clock {
 public:
  Instant now() const override { return {SystemClock().now().milliseconds + shift.load()}; }
  std::atomic<std::int64_t> shift = 0;
};

// Jobs whose request is the number of shards of each phase, "3,2".
class CountingKind final : public JobKind {
 public:
  std::string_view name() const override { return kind_name; }
  bool reads_snapshot() const override { return keeps_history; }
  Result<std::optional<std::vector<ShardPlan>>> plan(const Job& job,
                                                     const std::stop_token&) override {
    std::vector<unsigned> phases;
    std::string rest = job.request;
    while (!rest.empty()) {
      std::size_t digits = 0;
      phases.push_back(static_cast<unsigned>(std::stoul(rest, &digits)));
      rest.erase(0, std::min(rest.size(), digits + 1));
    }
    if (job.phase >= phases.size()) return std::optional<std::vector<ShardPlan>>();
    std::vector<ShardPlan> shards;
    for (unsigned i = 0; i < phases[job.phase]; ++i) shards.push_back({fmt::format("{}", i), 10});
    return std::optional(std::move(shards));
  }

  Result<std::string> run(const Job& job, const Shard& shard,
                          const ShardContext& context) override {
    {
      const std::lock_guard lock(mutex);
      order.push_back(job.client);
      runs.insert({job.id, shard.phase, shard.number});
    }
    if (on_run) return on_run(job, shard, context);
    return fmt::format("result {}", shard.number);
  }

  void discard(std::string_view job_id) override {
    const std::lock_guard lock(mutex);
    discarded.emplace(job_id);
  }
  bool in_use(std::string_view) override { return used; }
  std::vector<std::string> leftovers() override { return left; }

  bool is_discarded(const std::string& id) {
    const std::lock_guard lock(mutex);
    return discarded.contains(id);
  }

  std::string kind_name = "counting";
  bool keeps_history = true;
  std::function<Result<std::string>(const Job&, const Shard&, const ShardContext&)> on_run;
  std::mutex mutex;
  std::vector<std::string> order;
  std::multiset<std::tuple<std::string, unsigned, unsigned>> runs;
  std::set<std::string> discarded;
  std::atomic<bool> used = false;
  std::vector<std::string> left;
};

// Holds shards back until it is opened.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void pass(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool open_ = false;
};

class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("sluice-engine-" + random_hex(8));
    options_.workers = 2;
    options_.worker_nice = 0;
    open();
  }
  void TearDown() override {
    engine_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open() {
    auto store = store::open_rocksdb_store(folder_, clock_);
    ASSERT_TRUE(store) << store.error().message << store.error().detail;
    store_ = std::move(*store);
    start();
  }
  void start() {
    engine_ = std::make_unique<Engine>(*store_, clock_, kind_, options_);
    ASSERT_TRUE(engine_->start());
  }
  void restart() {
    engine_.reset();
    store_.reset();
    open();
  }

  std::string submit(const std::string& client, const std::string& request) {
    const auto job = engine_->submit(client, [&](auto) { return Result<std::string>(request); });
    EXPECT_TRUE(job) << job.error().message;
    return job ? job->id : std::string();
  }

  JobView wait(const std::string& id) {
    for (int i = 0; i < 6000; ++i) {
      const auto view = engine_->view(id);
      if (!view) break;
      if (view->job.state != JobState::kRunning) return *view;
      std::this_thread::sleep_for(10ms);
    }
    ADD_FAILURE() << "the job did not end";
    return {};
  }

  bool eventually(const std::function<bool()>& what) {
    for (int i = 0; i < 6000; ++i) {
      if (what()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }

  std::filesystem::path folder_;
  TestClock clock_;
  Gate gate_;  // outlives the engine, whose threads may wait at it when a test's body is over
  CountingKind kind_;
  EngineOptions options_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, RunsEveryShardOfEveryPhaseOnce) {
  const std::string id = submit("c", "5,0,3");
  const JobView view = wait(id);
  EXPECT_EQ(view.job.state, JobState::kDone);
  EXPECT_EQ(view.progress, 1);
  EXPECT_EQ(kind_.runs.size(), 8u);
  const auto shards = engine_->shards(id, {}, 100);
  ASSERT_TRUE(shards);
  ASSERT_EQ(shards->size(), 8u);
  EXPECT_EQ((*shards)[4].second.result, "result 4");
  EXPECT_EQ((*shards)[5].second.phase, 2u);
}

TEST_F(EngineTest, AJobWithoutShardsIsDone) {
  EXPECT_EQ(wait(submit("c", "0")).job.state, JobState::kDone);
}

// M-01: the snapshot is fixed at the kick-off, with an instant of its own.
TEST_F(EngineTest, EachJobHasASnapshotOfItsOwn) {
  const auto first = wait(submit("c", "1")).job.snapshot;
  const auto second = wait(submit("c", "1")).job.snapshot;
  EXPECT_LT(first.sequence, second.sequence);
  EXPECT_LT(first.instant, second.instant);
}

//
TEST_F(EngineTest, AJobWhoseFileIsFoundDamagedIsFailedAlsoAfterItsEndAndARestart) {
  const std::string id = submit("c", "1");
  const JobView done = wait(id);
  ASSERT_EQ(done.job.state, JobState::kDone);
  engine_->mark_damaged(id, "the file x is damaged");
  engine_->mark_damaged(id, "the file y is damaged");
  for (int round = 0; round < 2; ++round) {
    const auto view = engine_->view(id);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->job.state, JobState::kFailed);
    EXPECT_EQ(view->job.failure, "the file x is damaged");
    EXPECT_TRUE(view->job.is_damaged);
    EXPECT_EQ(view->job.expires, done.job.expires);
    EXPECT_FALSE(kind_.is_discarded(id)) << "its other files are still there";
    restart();
  }
  engine_->mark_damaged("unknown", "nothing happens");
}

TEST_F(EngineTest, AJobThatRunsIsEndedByADamagedFile) {
  kind_.on_run = [&](const auto&, const auto&, const auto& context) {
    gate_.pass(context.stop);
    return Result<std::string>("");
  };
  const std::string id = submit("c", "2");
  engine_->mark_damaged(id, "the file x is damaged");
  EXPECT_EQ(wait(id).job.state, JobState::kFailed);
  EXPECT_EQ(engine_->view(id)->job.failure, "the file x is damaged");
  EXPECT_FALSE(engine_->view(id)->job.is_damaged);
  gate_.open();
}

// K-06: a client's big job does not starve another client's small one.
TEST_F(EngineTest, ClientsTakeTurnsShardByShard) {
  options_.workers = 1;
  engine_.reset();
  start();
  kind_.on_run = [&](const auto&, const auto&, const auto& context) {
    gate_.pass(context.stop);
    return Result<std::string>("");
  };
  const std::string big = submit("big", "20");
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(kind_.mutex);
    return !kind_.order.empty();
  }));
  const std::string small = submit("small", "3");
  gate_.open();
  wait(small);
  wait(big);
  const auto last_small =
      std::find(kind_.order.rbegin(), kind_.order.rend(), "small") - kind_.order.rbegin();
  EXPECT_GE(last_small, 12) << "the small job ran among the first shards of the big one";
}

TEST_F(EngineTest, RefusesJobsOverTheLimits) {
  options_.jobs_per_client_max = 2;
  options_.jobs_max = 3;
  engine_.reset();
  start();
  kind_.on_run = [&](const auto&, const auto&, const auto& context) {
    gate_.pass(context.stop);
    return Result<std::string>("");
  };
  const auto request = [](auto) { return Result<std::string>("1"); };
  const std::string first = submit("a", "1");
  submit("a", "1");
  const auto third = engine_->submit("a", request);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().kind, ErrorKind::kTooManyRequests);
  EXPECT_TRUE(third.error().retry_after);
  submit("b", "1");
  EXPECT_EQ(engine_->submit("c", request).error().kind, ErrorKind::kTooManyRequests);
  ASSERT_TRUE(engine_->remove(first));
  EXPECT_TRUE(engine_->submit("c", request));
  gate_.open();
}

TEST_F(EngineTest, ARefusedRequestLeavesNoJob) {
  const auto job =
      engine_->submit("c", [](auto) -> Result<std::string> { return invalid("no such patient"); });
  EXPECT_EQ(job.error().message, "no such patient");
  EXPECT_EQ(engine_->statistics().running, 0u);
}

// K-07, S-06: a restart goes on with what is not done, with the same snapshot.
TEST_F(EngineTest, ARestartDoesOnlyWhatIsMissing) {
  std::atomic<int> allowed = 4;
  std::atomic<bool> released = false;
  kind_.on_run = [&](const auto&, const auto& shard,
                     const ShardContext& context) -> Result<std::string> {
    if (allowed.fetch_sub(1) > 0) return fmt::format("result {}", shard.number);
    while (!context.stop.stop_requested()) {
      if (released) return fmt::format("result {}", shard.number);
      std::this_thread::sleep_for(1ms);
    }
    return Error{ErrorKind::kCancelled, "stopped"};
  };
  const std::string id = submit("c", "10");
  const auto snapshot = engine_->view(id)->job.snapshot;
  ASSERT_TRUE(eventually([&] { return engine_->statistics().shards_total == 4; }));
  restart();
  released = true;
  const JobView view = wait(id);
  EXPECT_EQ(view.job.state, JobState::kDone);
  EXPECT_EQ(view.job.snapshot.sequence, snapshot.sequence);
  EXPECT_EQ(view.job.snapshot.instant, snapshot.instant);
  EXPECT_EQ(engine_->shards(id, {}, 100)->size(), 10u);
  std::set<std::tuple<std::string, unsigned, unsigned>> distinct(kind_.runs.begin(),
                                                                 kind_.runs.end());
  EXPECT_EQ(distinct.size(), 10u);
  EXPECT_LE(kind_.runs.size(), 14u) << "the four finished shards were not done again";
}

TEST_F(EngineTest, AFinishedJobSurvivesARestart) {
  const std::string id = submit("c", "2");
  wait(id);
  restart();
  const auto view = engine_->view(id);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->job.state, JobState::kDone);
}

// S-03: an error that stays fails the job, one that passes does not.
TEST_F(EngineTest, AShardIsTriedAgainBeforeItFailsTheJob) {
  std::atomic<int> failures = 1;
  kind_.on_run = [&](const auto&, const auto&, const auto&) -> Result<std::string> {
    if (failures.fetch_sub(1) > 0) return storage_error("disk full", "ENOSPC");
    return "";
  };
  EXPECT_EQ(wait(submit("c", "1")).job.state, JobState::kDone);
  failures = 1000;
  const std::string id = submit("c", "1");
  const JobView failed = wait(id);
  EXPECT_EQ(failed.job.state, JobState::kFailed);
  EXPECT_EQ(failed.job.failure, "disk full");
  EXPECT_TRUE(eventually([&] { return kind_.is_discarded(id); }));
}

TEST_F(EngineTest, AnExceptionFailsTheShardNotTheProcess) {
  kind_.on_run = [](const auto&, const auto&, const auto&) -> Result<std::string> {
    throw std::runtime_error("boom");
  };
  EXPECT_EQ(wait(submit("c", "1")).job.state, JobState::kFailed);
}

// S-05: a running job stops within a second, and its files go.
TEST_F(EngineTest, ARemovedJobStopsAndIsForgotten) {
  kind_.on_run = [](const auto&, const auto&, const ShardContext& context) -> Result<std::string> {
    while (!context.stop.stop_requested()) std::this_thread::sleep_for(1ms);
    return Error{ErrorKind::kCancelled, "stopped"};
  };
  const std::string id = submit("c", "4");
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(kind_.mutex);
    return !kind_.runs.empty();
  }));
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(engine_->remove(id));
  EXPECT_EQ(engine_->view(id).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(engine_->remove(id).error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(eventually([&] { return kind_.is_discarded(id); }));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  EXPECT_TRUE(store_->documents("job/", {}, 10)->empty());
  EXPECT_TRUE(store_->documents("shard/", {}, 10)->empty());
}

// S-07: files expire counted from the end of the job, not while they are being downloaded.
TEST_F(EngineTest, AFinishedJobExpiresUnlessItIsInUse) {
  const std::string id = submit("c", "1");
  const JobView view = wait(id);
  EXPECT_EQ(view.job.expires - view.job.finished, 24h);
  kind_.used = true;
  clock_.shift = 25 * 3600 * 1000;
  engine_->housekeeping();
  EXPECT_TRUE(engine_->view(id));
  kind_.used = false;
  engine_->housekeeping();
  EXPECT_FALSE(engine_->view(id));
  EXPECT_TRUE(kind_.is_discarded(id));
}

TEST_F(EngineTest, WhatUnknownJobsLeftIsRemovedAtTheStart) {
  store::Transaction transaction;
  transaction.documents = {{shard_key("gone", 0, 0), serialize(Shard{})}};
  ASSERT_TRUE(store_->write(transaction));
  const std::string known = submit("c", "1");
  wait(known);
  kind_.left = {"gone", known};
  restart();
  EXPECT_TRUE(kind_.is_discarded("gone"));
  EXPECT_FALSE(kind_.is_discarded(known));
  EXPECT_TRUE(store_->documents("shard/gone/", {}, 10)->empty());
}

TEST_F(EngineTest, KindsOfJobsHaveThreadsOfTheirOwn) {
  CountingKind slow;
  slow.kind_name = "slow";
  slow.keeps_history = false;
  slow.on_run = [&](const auto&, const auto&, const auto& context) -> Result<std::string> {
    gate_.pass(context.stop);
    return "slow";
  };
  const auto start_both = [&] {
    engine_ = std::make_unique<Engine>(*store_, clock_,
                                       std::vector<KindOfJobs>{{&kind_, 1}, {&slow, 1}}, options_);
    ASSERT_TRUE(engine_->start());
  };
  engine_.reset();
  start_both();
  const auto submit_slow = [&] {
    return engine_
        ->submit(
            "c", [](auto) { return Result<std::string>("2"); }, 0, "slow")
        ->id;
  };
  const std::string id = submit_slow();
  EXPECT_EQ(wait(submit("c", "3")).job.kind, "counting") << "the slow one holds nothing up";
  EXPECT_EQ(engine_->view(id)->job.state, JobState::kRunning);
  // A restart gives the job back to its kind.
  engine_.reset();
  start_both();
  gate_.open();
  const JobView view = wait(id);
  EXPECT_EQ(view.job.state, JobState::kDone);
  EXPECT_EQ(view.job.kind, "slow");
  EXPECT_EQ(engine_->shards(id, {}, 10)->at(1).second.result, "slow");
  EXPECT_EQ(engine_
                ->submit(
                    "c", [](auto) { return Result<std::string>("1"); }, 0, "none")
                .error()
                .kind,
            ErrorKind::kInternal);
  // Without the kind, nothing is guessed.
  engine_.reset();
  engine_ = std::make_unique<Engine>(*store_, clock_, kind_, options_);
  const auto started = engine_->start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("slow"), std::string::npos);
}

TEST_F(EngineTest, AShardMayWeighAnewAndYieldToOthers) {
  options_.workers = 1;
  engine_.reset();
  std::atomic<int> yields = 0;
  kind_.on_run = [&](const Job& job, const auto&, const ShardContext& context) {
    if (job.client == "long") {
      context.set_weight(1000);
      context.add_progress(500);
      while (!context.others_wait()) {
        if (context.stop.stop_requested() || yields > 0) return Result<std::string>("done");
        std::this_thread::sleep_for(1ms);
      }
      ++yields;
      return Result<std::string>(Error{ErrorKind::kCancelled, "another's turn"});
    }
    return Result<std::string>("short");
  };
  start();
  const std::string id = submit("long", "1");
  ASSERT_TRUE(eventually([&] { return engine_->view(id)->progress == 0.5; }));
  EXPECT_EQ(wait(submit("short", "1")).job.state, JobState::kDone);
  EXPECT_EQ(wait(id).job.state, JobState::kDone);
  EXPECT_GE(yields, 1);
}

// A job of one long shard is not stuck as long as each run gets further.
TEST_F(EngineTest, AShardThatGetsFurtherMayBeInterruptedOften) {
  options_.adoptions_max = 2;
  kind_.on_run = [&](const auto&, const auto&, const ShardContext& context) {
    context.progressed();
    gate_.pass(context.stop);
    return Result<std::string>(context.stop.stop_requested()
                                   ? Result<std::string>(Error{ErrorKind::kCancelled, "stopped"})
                                   : Result<std::string>("done"));
  };
  const std::string id = submit("c", "1");
  for (int i = 0; i < 5; ++i) {
    restart();
    ASSERT_TRUE(eventually([&] { return engine_->view(id)->job.adoptions == 0; }));
  }
  gate_.open();
  EXPECT_EQ(wait(id).job.state, JobState::kDone);
}

TEST_F(EngineTest, AStoppedEngineTakesNoJobs) {
  engine_->stop();
  EXPECT_EQ(engine_->submit("c", [](auto) { return Result<std::string>("1"); }).error().kind,
            ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace sluice::job
