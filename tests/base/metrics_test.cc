// What Prometheus is told: the text to the letter, counting by many threads, the end of readers.
#include "base/metrics.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

namespace sluice {
namespace {

TEST(Metrics, AreToldByNameAndThenByLabels) {
  Metrics metrics;
  auto& seconds = metrics.histograms("sluice_work_seconds", "What work took.");
  seconds.Add({{"kind", "a"}}, std::vector<double>{0.0025, 0.1, 1});
  for (const double value : {0.1, 0.002, 0.25, 5.0})
    seconds.Add({{"kind", "a"}}, std::vector<double>{0.0025, 0.1, 1}).Observe(value);
  auto& events = metrics.counters("sluice_events_total", "Events, by kind.");
  events.Add({{"kind", "b"}}).Increment();
  events.Add({{"kind", "a"}}).Increment(12'345'678'901);
  const auto shown = metrics.add([] {
    return std::vector{
        gauge_family("sluice_rooms", "Rooms, by floor.", {{{{"floor", "1"}}, 3}, {{}, -0.5}}),
        counter_family("sluice_calls_total", "Calls.", {{{}, 7}})};
  });
  EXPECT_EQ(metrics.text(),
            "# HELP sluice_calls_total Calls.\n"
            "# TYPE sluice_calls_total counter\n"
            "sluice_calls_total 7\n"
            "# HELP sluice_events_total Events, by kind.\n"
            "# TYPE sluice_events_total counter\n"
            "sluice_events_total{kind=\"a\"} 12345678901\n"
            "sluice_events_total{kind=\"b\"} 1\n"
            "# HELP sluice_rooms Rooms, by floor.\n"
            "# TYPE sluice_rooms gauge\n"
            "sluice_rooms -0.5\n"
            "sluice_rooms{floor=\"1\"} 3\n"
            "# HELP sluice_work_seconds What work took.\n"
            "# TYPE sluice_work_seconds histogram\n"
            "sluice_work_seconds_count{kind=\"a\"} 4\n"
            "sluice_work_seconds_sum{kind=\"a\"} 5.352\n"
            "sluice_work_seconds_bucket{kind=\"a\",le=\"0.0025\"} 1\n"
            "sluice_work_seconds_bucket{kind=\"a\",le=\"0.1\"} 2\n"
            "sluice_work_seconds_bucket{kind=\"a\",le=\"1\"} 3\n"
            "sluice_work_seconds_bucket{kind=\"a\",le=\"+Inf\"} 4\n");
}

TEST(Metrics, AreNothingBeforeTheyAreMade) {
  EXPECT_EQ(Metrics().text(), "");
}

TEST(Metrics, EscapeWhatALabelMayNotHold) {
  Metrics metrics;
  metrics.counters("sluice_events_total", "Events.").Add({{"kind", "a\"b\\c\nd"}}).Increment();
  EXPECT_EQ(metrics.text(),
            "# HELP sluice_events_total Events.\n"
            "# TYPE sluice_events_total counter\n"
            "sluice_events_total{kind=\"a\\\"b\\\\c\\nd\"} 1\n");
}

TEST(Metrics, OfOneNameAreOneFamilyWhoeverMakesThem) {
  Metrics metrics;
  metrics.counters("sluice_events_total", "Events.").Add({}).Increment();
  metrics.counters("sluice_events_total", "Events.").Add({}).Increment();
  EXPECT_EQ(metrics.text(),
            "# HELP sluice_events_total Events.\n"
            "# TYPE sluice_events_total counter\n"
            "sluice_events_total 2\n");
}

TEST(Metrics, LoseNothingThatThreadsCountSideBySide) {
  constexpr int kThreads = 8;
  constexpr int kTimes = 10'000;
  Metrics metrics;
  auto& events = metrics.counters("sluice_events_total", "Events.");
  auto& seconds = metrics.histograms("sluice_work_seconds", "What work took.");
  std::latch start(kThreads);
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&, label = thread % 2 == 0 ? "even" : "odd"] {
      start.arrive_and_wait();
      for (int i = 0; i < kTimes; ++i) {
        events.Add({{"thread", label}}).Increment();
        seconds.Add({}, std::vector<double>{1}).Observe(i % 2 == 0 ? 0.5 : 2);
        if (i % 1000 == 0) (void)metrics.text();
      }
    });
  threads.clear();
  EXPECT_EQ(metrics.text(),
            "# HELP sluice_events_total Events.\n"
            "# TYPE sluice_events_total counter\n"
            "sluice_events_total{thread=\"even\"} 40000\n"
            "sluice_events_total{thread=\"odd\"} 40000\n"
            "# HELP sluice_work_seconds What work took.\n"
            "# TYPE sluice_work_seconds histogram\n"
            "sluice_work_seconds_count 80000\n"
            "sluice_work_seconds_sum 100000\n"
            "sluice_work_seconds_bucket{le=\"1\"} 40000\n"
            "sluice_work_seconds_bucket{le=\"+Inf\"} 80000\n");
}

TEST(Metrics, AskNoReaderWhoseRegistrationIsOver) {
  Metrics metrics;
  int asked = 0;
  std::optional<Metrics::Registration> shown(metrics.add([&asked] {
    ++asked;
    return std::vector<prometheus::MetricFamily>();
  }));
  (void)metrics.text();
  Metrics::Registration moved = std::move(*shown);
  shown.reset();
  (void)metrics.text();
  EXPECT_EQ(asked, 2);
  moved = Metrics::Registration();
  (void)metrics.text();
  EXPECT_EQ(asked, 2);
}

TEST(Metrics, EndARegistrationNotBeforeItsReaderIsDone) {
  Metrics metrics;
  std::latch reading(1);
  std::latch go_on(1);
  std::atomic<bool> done = false;
  std::optional<Metrics::Registration> shown(metrics.add([&] {
    reading.count_down();
    go_on.wait();
    done = true;
    return std::vector<prometheus::MetricFamily>();
  }));
  const std::jthread scrape([&] { (void)metrics.text(); });
  reading.wait();
  std::atomic<bool> done_at_end = false;
  std::jthread ending([&] {
    shown.reset();
    done_at_end = done.load();
  });
  go_on.count_down();
  ending.join();
  EXPECT_TRUE(done_at_end);
}

}  // namespace
}  // namespace sluice
