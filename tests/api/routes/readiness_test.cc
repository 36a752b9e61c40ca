// What /readyz says: at once, also while the store hangs, and of the clock.
#include "api/routes/readiness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "api/routes/metrics.h"
#include "api/routes/routes.h"
#include "bulk/export/job/export_job.h"
#include "http/router.h"
#include "output/file_store.h"
#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"

namespace sluice::api {
namespace {

class SetClock final : public Clock {
 public:
  Instant now() const override { return {SystemClock().now().milliseconds + shift}; }
  std::int64_t shift = 0;
};

TEST(Readiness, SaysWhenCommitsRunAheadOfTheClockAndStaysReady) {
  const TemporaryFolder folder;
  SetClock clock;
  const auto store = store::open_rocksdb_store(folder.path(), clock).value();
  const auto files = output::open_local_file_store(folder / "files").value();
  bulk::ExportJobs exports(*store, *files, {}, {});
  job::Engine engine(*store, clock, exports, {});
  Service service(*store, *files, engine, clock, ServiceOptions{});
  const ServerMetrics metrics;
  http::Router router(error_responder());
  const Readiness readiness([&] { return trouble_of(*store); }, {});
  add_routes(router, service, metrics, readiness);
  const auto body = [&] {
    http::Request request;
    request.method = "GET";
    request.target = request.path = "/readyz";
    request.segments = {"readyz"};
    std::string route;
    const auto response = router.dispatch(request, route);
    EXPECT_EQ(response.status, 200);
    return std::get<std::string>(response.body);
  };
  const auto commit = [&] { return store->write({}).value().commit.instant; };
  commit();
  EXPECT_EQ(body(), "ready\n");
  // Forty days ahead, and back.
  constexpr std::int64_t kFortyDays = std::int64_t{40} * 24 * 3600 * 1000;
  clock.shift = kFortyDays;
  const Instant ahead = commit();
  EXPECT_EQ(body(), "ready\n") << "as far as anybody here can know";
  clock.shift = 0;
  EXPECT_GE(commit(), ahead);
  // 40 days are 3,456,000 s, and some milliseconds may have passed since the commit.
  const std::string told = body();
  EXPECT_TRUE(told.starts_with("ready\nclock behind: the newest commit is 3456000 s ") ||
              told.starts_with("ready\nclock behind: the newest commit is 34559"))
      << told;
  clock.shift = kFortyDays - 59'000;
  EXPECT_EQ(body(), "ready\n") << "a minute is not worth a word";
}

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

template <class Condition>
bool comes_to(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

TEST(Readiness, TellsWhatWasSeenLast) {
  std::atomic<bool> fails{false};
  const Readiness readiness([&] { return fails ? "the disk is gone" : ""; }, {1ms, 5s});
  EXPECT_EQ(readiness.trouble(), "");
  fails = true;
  ASSERT_TRUE(comes_to([&] { return !readiness.trouble().empty(); }));
  EXPECT_EQ(readiness.trouble(), "the disk is gone");
  fails = false;
  EXPECT_TRUE(comes_to([&] { return readiness.trouble().empty(); }));
}

TEST(Readiness, IsToldAtOnceThatTheStoreHangs) {
  std::atomic<bool> hangs{false};
  const auto look = [&]() -> std::string {
    while (hangs) std::this_thread::sleep_for(1ms);
    return "";
  };
  const Readiness readiness(look, {1ms, 20ms});
  hangs = true;
  auto longest = Steady::duration::zero();
  const bool told = comes_to([&] {
    const auto begun = Steady::now();
    const bool is_well = readiness.trouble().empty();
    longest = std::max(longest, Steady::now() - begun);
    return !is_well;
  });
  EXPECT_TRUE(told);
  EXPECT_LT(longest, 5s);
  EXPECT_EQ(readiness.trouble(), "the store does not answer in time");
  hangs = false;
  EXPECT_TRUE(comes_to([&] { return readiness.trouble().empty(); }));
}

}  // namespace
}  // namespace sluice::api
