// The job engine: turns, limits, restarts, failures, delete and expiry, with a kind of job that
// only counts.
#include "job/engine.h"

#include <algorithm>

#include "engine_fixture.h"
#include "job/documents.h"

namespace sluice::job {
namespace {

TEST_F(EngineTest, RunsEveryShardOfEveryPhaseOnce) {
  const std::string id = submit("c", "5,0,3");
  const JobView view = wait(id);
  EXPECT_EQ(view.job.state, JobState::kDone);
  EXPECT_EQ(view.progress, 1);
  EXPECT_EQ(kind_.runs.size(), 8u);
  const auto shards = engine_->shards(id, {}, 100);
  ASSERT_TRUE(shards);
  ASSERT_EQ(shards->size(), 8u);
  EXPECT_EQ((*shards)[4].result, "result 4");
  EXPECT_EQ((*shards)[5].phase, 2u);
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

// M-04: what the run before may have dropped is not taken for kept by a job that goes on.
TEST_F(EngineTest, TheHorizonOfHistoryIsKnownBeforeAJobGoesOn) {
  std::atomic<std::uint64_t> horizon = 0;
  kind_.on_run = [&](const auto&, const auto&, const auto& context) -> Result<std::string> {
    gate_.pass(context.stop);
    if (context.stop.stop_requested()) return Error{ErrorKind::kCancelled, "stopped"};
    horizon = store_->history_horizon().value;
    return std::string();
  };
  const std::string id = submit("c", "1");
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(kind_.mutex);
    return !kind_.runs.empty();
  }));
  options_.history_retention = 0s;
  engine_.reset();
  gate_.open();
  restart();
  EXPECT_EQ(wait(id).job.state, JobState::kDone);
  EXPECT_EQ(horizon, engine_->view(id)->job.snapshot.sequence.value);
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
  EXPECT_TRUE(eventually([&] { return kind_.is_discarded(id); }));
}

TEST_F(EngineTest, WhatUnknownJobsLeftIsRemovedAtTheStart) {
  store::Transaction transaction;
  transaction.documents = {{shard_key("gone", {0, 0}), serialize(Shard{})}};
  ASSERT_TRUE(store_->write(transaction));
  const std::string known = submit("c", "1");
  wait(known);
  kind_.left = {"gone", known};
  restart();
  EXPECT_TRUE(eventually([&] { return kind_.is_discarded("gone"); }));
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
                                       std::vector<WorkerGroup>{{&kind_, 1}, {&slow, 1}}, options_);
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
  EXPECT_EQ(engine_->shards(id, {}, 10)->at(1).result, "slow");
  EXPECT_EQ(engine_
                ->submit(
                    "c", [](auto) { return Result<std::string>("1"); }, 0, "none")
                .error()
                .kind,
            ErrorKind::kInternal);
  // Without the kind, nothing is guessed: its jobs have failed, and no others.
  engine_.reset();
  start();
  EXPECT_EQ(engine_->view(id)->job.state, JobState::kFailed);
  EXPECT_NE(engine_->view(id)->job.failure.find("'slow'"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return kind_.is_discarded(id); }));
  EXPECT_EQ(wait(submit("c", "1")).job.state, JobState::kDone);
}

// K-06: many kick-offs at once do not pass the limit of one client.
TEST_F(EngineTest, KickOffsUnderWayCountForTheLimitOfTheirClient) {
  options_.jobs_per_client_max = 1;
  engine_.reset();
  start();
  std::atomic<bool> is_under_way = false;
  std::jthread slow([&] {
    const auto job = engine_->submit("a", [&](auto) {
      is_under_way = true;
      gate_.pass({});
      return Result<std::string>("0");
    });
    EXPECT_TRUE(job);
  });
  ASSERT_TRUE(eventually([&] { return is_under_way.load(); }));
  const auto request = [](auto) { return Result<std::string>("0"); };
  EXPECT_EQ(engine_->submit("a", request).error().kind, ErrorKind::kTooManyRequests);
  EXPECT_TRUE(engine_->submit("b", request));
  gate_.open();
  slow.join();
  EXPECT_TRUE(eventually([&] { return engine_->submit("a", request).has_value(); }));
  // What goes wrong in a kick-off gives its place back.
  EXPECT_FALSE(engine_->submit("c", [](auto) -> Result<std::string> { throw std::bad_alloc(); }));
  EXPECT_TRUE(engine_->submit("c", request));
}

// K-06, A-09: a client of the same id that was there before is another one.
TEST_F(EngineTest, JobsOfAnEarlierRegistrationDoNotCountForALaterOne) {
  kind_.on_run = [&](const auto&, const auto&, const ShardContext& context) -> Result<std::string> {
    while (!context.stop.stop_requested()) std::this_thread::sleep_for(1ms);
    return Error{ErrorKind::kCancelled, "it was asked to stop"};
  };
  const auto start = [&](std::string_view client, std::string_view registration) {
    return engine_->submit(
        client, [](auto) { return Result<std::string>("1"); }, 1, {}, registration);
  };
  const auto before = start("c", "first");
  ASSERT_TRUE(before);
  EXPECT_EQ(start("c", "first").error().kind, ErrorKind::kTooManyRequests);
  const auto after = start("c", "second");
  ASSERT_TRUE(after);
  EXPECT_EQ(start("c", "second").error().kind, ErrorKind::kTooManyRequests);
  const auto of_nobody = start("c", "");
  ASSERT_TRUE(of_nobody);

  // And they end with their client, while they run.
  EXPECT_EQ(engine_->remove_if([](const Job& job) { return job.registration == "first"; }), 1u);
  EXPECT_EQ(engine_->view(before->id).error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(engine_->view(after->id));
  EXPECT_TRUE(engine_->view(of_nobody->id));
  EXPECT_TRUE(eventually([&] { return kind_.is_discarded(before->id); }));
  EXPECT_EQ(engine_->statistics().running, 2u);
  EXPECT_EQ(engine_->remove_if([](const Job& job) { return job.registration == "first"; }), 0u);
  EXPECT_TRUE(start("c", "first"));
}

// a client that deletes nothing fills neither the disk nor the memory.
TEST_F(EngineTest, AClientKeepsSoManyJobsAndBytesOfRequests) {
  options_.kept_jobs_per_client_max = 3;
  options_.requests_size_per_client_max = 1000;
  restart();
  const auto submit_large = [&](std::string_view client, std::size_t size) {
    return engine_->submit(
        client, [&](auto) { return Result<std::string>("1," + std::string(size - 3, '0') + "1"); });
  };
  std::vector<std::string> kept;
  for (int i = 0; i < 3; ++i) wait(kept.emplace_back(submit("c", "1")));
  const auto refused = engine_->submit("c", [](auto) { return Result<std::string>("1"); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kTooManyRequests);
  EXPECT_EQ(refused.error().message,
            "3 jobs of this client are kept, which is the limit: delete those that are not needed "
            "any more");
  ASSERT_TRUE(engine_->remove(kept[0]));
  wait(submit("c", "1"));

  ASSERT_TRUE(submit_large("d", 600));
  const auto too_large = submit_large("d", 500);
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().kind, ErrorKind::kTooManyRequests);
  EXPECT_TRUE(submit_large("d", 400));
  EXPECT_TRUE(submit_large("e", 5000)) << "the first is taken";
}

TEST_F(EngineTest, WhoLooksAtAJobCopiesNothingOfItsRequest) {
  const auto job =
      engine_->submit("c", [](auto) { return Result<std::string>("1," + std::string(0, '0')); });
  ASSERT_TRUE(job);
  const auto first = engine_->view(job->id);
  const auto second = engine_->view(job->id);
  EXPECT_EQ(first->job.request.view(), "1,");
  EXPECT_EQ(first->job.request.view().data(), second->job.request.view().data());
}

TEST_F(EngineTest, CountersOnlyGoUp) {
  for (int i = 0; i < 3; ++i) wait(submit("c", "1"));
  ASSERT_TRUE(engine_->remove(submit("c", "1")));
  EXPECT_EQ(engine_->statistics().deleted_total, 1u);
  clock_.shift = 25 * 3600 * 1000;
  engine_->housekeeping();
  EXPECT_EQ(engine_->statistics().deleted_total, 1u);
  EXPECT_EQ(engine_->statistics().expired_total, 3u);
}

// whoever polls does not wait for the files of another job to go.
TEST_F(EngineTest, NobodyWaitsForFilesToBeRemoved) {
  const std::string removed = submit("c", "1");
  const std::string other = submit("c", "1");
  wait(removed);
  wait(other);
  std::atomic<bool> removes = false;
  std::atomic<bool> is_done = false;
  kind_.on_discard = [&] {
    removes = true;
    gate_.pass({});
    is_done = true;
  };
  std::jthread remover([&] {
    EXPECT_TRUE(engine_->remove(removed));
    EXPECT_FALSE(is_done) << "nor does who removes it";
    gate_.open();
  });
  ASSERT_TRUE(eventually([&] { return removes.load(); }));
  EXPECT_TRUE(engine_->view(other));
  EXPECT_EQ(engine_->statistics().finished, 1u);
  EXPECT_FALSE(engine_->view(removed));
  EXPECT_EQ(wait(submit("c", "1")).job.state, JobState::kDone);
  remover.join();
  EXPECT_TRUE(eventually([&] { return is_done.load(); }));
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
