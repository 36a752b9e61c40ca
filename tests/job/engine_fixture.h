// An engine on a store of its own, with a kind of job that only counts.
#pragma once

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
#include "test_clocks.h"

namespace sluice::job {

using namespace std::chrono_literals;

// Jobs whose request is the number of shards of each phase, "3,2".
class CountingKind final : public JobKind {
 public:
  std::string_view name() const override { return kind_name; }
  bool reads_snapshot() const override { return keeps_history; }
  Result<std::optional<std::vector<ShardPlan>>> plan(const Job& job,
                                                     const std::stop_token&) override {
    if (on_plan) SLUICE_RETURN_IF_ERROR(on_plan());
    std::vector<unsigned> phases;
    std::string rest(job.request.view());
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
    if (on_discard) on_discard();
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
  std::function<Result<void>()> on_plan;
  std::function<void()> on_discard;
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
    for (int i = 0; i < 60'000; ++i) {
      const auto view = engine_->view(id);
      if (!view) break;
      if (view->job.state != JobState::kRunning) return *view;
      std::this_thread::sleep_for(10ms);
    }
    ADD_FAILURE() << "the job did not end";
    return {};
  }

  bool eventually(const std::function<bool()>& what) {
    for (int i = 0; i < 60'000; ++i) {
      if (what()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }

  std::filesystem::path folder_;
  ShiftedClock clock_;
  Gate gate_;  // outlives the engine, whose threads may wait at it when a test's body is over
  CountingKind kind_;
  EngineOptions options_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace sluice::job
