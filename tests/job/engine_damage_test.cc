// What is wrong with a job or with the machine costs that job, or time: documents that cannot be
// read (R-03), exceptions, and no room on the disk.
#include "engine_fixture.h"
#include "faulty_disk.h"
#include "job/documents.h"
#include "store/rocksdb/open_with_env.h"

namespace sluice::job {
namespace {

class DamagedJobs : public EngineTest {
 protected:
  // Before a worker reads it.
  DamagedJobs() {
    kind_.on_run = [&](const auto&, const auto&, const auto& context) -> Result<std::string> {
      gate_.pass(context.stop);
      if (context.stop.stop_requested()) return Error{ErrorKind::kCancelled, "stopped"};
      return "done";
    };
  }
  void write(const std::string& key, std::string value) {
    store::Transaction transaction;
    transaction.documents = {{key, std::move(value)}};
    ASSERT_TRUE(store_->write(transaction));
  }
  std::string document(const std::string& key) { return **store_->document(key); }
  // A job of client "c" that waits for its only shard.
  std::string submit_held() {
    std::string id = submit("c", "1");
    EXPECT_TRUE(eventually([&] { return engine_->view(id)->job.planned; }));
    return id;
  }
};

TEST_F(DamagedJobs, R03AJobThatCannotBeReadHasFailedAndTheOthersGoOn) {
  const std::string good = submit_held();
  const std::string done = [&] {
    const std::string id = submit_held();
    engine_->stop();
    const std::string text = document(job_key(id));
    write(job_key(id), text.substr(0, text.size() - 10));
    return id;
  }();
  write(job_key("0123"), "no JSON at all");
  write(job_key("4567"), R"({"client":"c","kind":7})");
  write("job/", "{}");
  restart();
  gate_.open();
  EXPECT_EQ(wait(good).job.state, JobState::kDone) << "it costs no other job";
  const auto lost = engine_->view(done);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->job.state, JobState::kFailed);
  EXPECT_EQ(lost->job.client, "c") << "the document still says whose it was";
  EXPECT_EQ(lost->job.failure, "a stored job cannot be read");
  EXPECT_EQ(lost->job.expires - lost->job.finished, 24h);
  EXPECT_TRUE(eventually([&] { return kind_.is_discarded(done); })) << "its files go";
  EXPECT_EQ(engine_->view("0123")->job.client, "");
  EXPECT_EQ(engine_->view("4567")->job.client, "c");
  // It stays failed, can be deleted, and expires.
  restart();
  EXPECT_EQ(engine_->view(done)->job.state, JobState::kFailed);
  ASSERT_TRUE(engine_->remove(done));
  EXPECT_FALSE(*store_->document(job_key(done)));
  EXPECT_TRUE(store_->documents(shard_prefix(done), {}, 10)->empty());
  clock_.shift = 25 * 3600 * 1000;
  engine_->housekeeping();
  EXPECT_TRUE(store_->documents("job/", {}, 10)->empty());
}

TEST_F(DamagedJobs, R03APartThatCannotBeReadOrIsMissingFailsItsJob) {
  options_.workers = 8;  // more than are held back below, so that each job is planned
  engine_.reset();
  start();
  const std::string unreadable = submit_held();
  const std::string missing = submit("c", "2");
  const std::string good = submit("c", "1");
  ASSERT_TRUE(eventually(
      [&] { return engine_->view(missing)->job.planned && engine_->view(good)->job.planned; }));
  engine_->stop();
  write(shard_key(unreadable, {0, 0}), "{");
  store::Transaction removal;
  removal.documents = {{shard_key(missing, {0, 0}), std::nullopt}};
  ASSERT_TRUE(store_->write(removal));
  restart();
  gate_.open();
  EXPECT_EQ(engine_->view(unreadable)->job.state, JobState::kFailed);
  EXPECT_EQ(engine_->view(missing)->job.state, JobState::kFailed);
  EXPECT_EQ(engine_->view(missing)->job.failure, "a stored part of the job is missing");
  EXPECT_EQ(wait(good).job.state, JobState::kDone);
}

TEST_F(EngineTest, R03AnExceptionWhilePlanningFailsTheJobNotTheProcess) {
  EXPECT_EQ(wait(submit("c", "no number")).job.state, JobState::kFailed);
  EXPECT_EQ(wait(submit("c", "1")).job.state, JobState::kDone);
}

Error disk_is_full() {
  return {ErrorKind::kStorage, "the disk is full", "no room", 10s};
}

class LackOfRoom : public EngineTest {
 protected:
  store::FaultyDisk disk_;  // TearDown() closes the store before it goes

  void start_patient(std::chrono::milliseconds patience) {
    options_.wait_first = 1ms;
    options_.wait_longest = 4ms;
    options_.room_patience = patience;
    engine_.reset();
    start();
  }
};

TEST_F(LackOfRoom, AJobWaitsUntilThereIsRoomAgain) {
  start_patient(1h);
  std::atomic<bool> is_full = true;
  std::atomic<int> runs = 0;
  kind_.on_run = [&](const auto&, const auto&, const auto&) -> Result<std::string> {
    ++runs;
    if (is_full) return disk_is_full();
    return "done";
  };
  const std::string id = submit("c", "2");
  ASSERT_TRUE(eventually([&] { return runs > 10; })) << "more often than an error is tried again";
  EXPECT_EQ(engine_->view(id)->job.state, JobState::kRunning);
  EXPECT_EQ(engine_->view(id)->waits_for, "the disk is full");
  EXPECT_EQ(engine_->statistics().waiting, 1u);
  is_full = false;
  const JobView view = wait(id);
  EXPECT_EQ(view.job.state, JobState::kDone);
  EXPECT_EQ(view.waits_for, "");
  EXPECT_EQ(engine_->statistics().waiting, 0u);
}

// S-06: what the store could not keep is done once more.
TEST_F(LackOfRoom, AJobGoesOnAfterTheStoresDiskWasFull) {
  const auto open = [&] {
    engine_.reset();
    store_.reset();
    store::RocksdbStoreOptions options;
    options.resume_patience = 1500ms;
    store_ = store::open_rocksdb_store_with_env(folder_, clock_, options, disk_.env()).value();
    start();
  };
  options_.wait_first = 5ms;
  options_.wait_longest = 50ms;
  open();
  std::atomic<int> runs = 0;
  kind_.on_run = [&](const auto&, const auto&, const auto&) -> Result<std::string> {
    if (++runs == 1) disk_.set_fault(store::FaultyDisk::Fault::kFull);
    return "done";
  };
  const std::string id = submit("c", "3,2");
  ASSERT_TRUE(eventually([&] { return runs > 8; })) << "more often than an error is tried again";
  EXPECT_EQ(engine_->view(id)->job.state, JobState::kRunning);
  EXPECT_NE(engine_->view(id)->waits_for, "");
  disk_.set_fault(store::FaultyDisk::Fault::kNone);
  // Now and then the store has to be opened again to take writes, and says so (resume.h).
  const auto is_lost = [&] {
    return engine_->view(id)->waits_for.find("until it is opened again") != std::string::npos;
  };
  ASSERT_TRUE(
      eventually([&] { return engine_->view(id)->job.state != JobState::kRunning || is_lost(); }));
  if (is_lost()) open();
  EXPECT_EQ(wait(id).job.state, JobState::kDone);
  EXPECT_EQ(engine_->shards(id, {}, 10)->size(), 5u);
}

TEST_F(LackOfRoom, PlanningWaitsToo) {
  start_patient(1h);
  std::atomic<int> failures = 10;
  kind_.on_plan = [&]() -> Result<void> {
    if (failures.fetch_sub(1) > 0) return disk_is_full();
    return {};
  };
  EXPECT_EQ(wait(submit("c", "1")).job.state, JobState::kDone);
  EXPECT_LT(failures, 0);
}

TEST_F(LackOfRoom, AJobThatWaitedTooLongFails) {
  start_patient(50ms);
  kind_.on_run = [&](const auto&, const auto&, const auto&) -> Result<std::string> {
    return disk_is_full();
  };
  const JobView view = wait(submit("c", "1"));
  EXPECT_EQ(view.job.state, JobState::kFailed);
  EXPECT_EQ(view.job.failure, "the disk is full");
}

}  // namespace
}  // namespace sluice::job
