// The worker pool runs everything it was given.
#include "base/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace sluice {
namespace {

TEST(WorkerPool, RunsWhatIsQueuedBeforeItStops) {
  std::atomic<int> done = 0;
  WorkerPool pool({.threads = 3, .queue_max = 10});
  for (int i = 0; i < 1000; ++i) pool.post([&] { ++done; });
  pool.stop();
  EXPECT_EQ(done, 1000);
}

TEST(WorkerPool, RefusesWhenFullAndWhenStopped) {
  WorkerPool pool({.threads = 1, .queue_max = 1});
  std::latch started(1);
  std::latch release(1);
  pool.post([&] {
    started.count_down();
    release.wait();
  });
  started.wait();
  EXPECT_TRUE(pool.try_post([] {}));
  EXPECT_FALSE(pool.try_post([] {}));
  release.count_down();
  pool.stop();
  EXPECT_FALSE(pool.try_post([] {}));
}

}  // namespace
}  // namespace sluice
