// R-05, M-01: commits share milliseconds and clocks are bad, and still a full export at T and the
// exports with _since=T after it make one exact copy: nothing twice, nothing missing.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <iostream>
#include <random>
#include <thread>

#include "export_fixture.h"

namespace sluice::bulk {
namespace {

constexpr std::string_view kType = "Basic";

// The machine's clock at another speed.
class ScaledClock final : public Clock {
 public:
  ScaledClock(std::int64_t times, std::int64_t over) : times_(times), over_(over) {}
  Instant now() const override {
    const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(
                            std::chrono::steady_clock::now() - begin_)
                            .count();
    return {1'700'000'000'000 + passed * times_ / over_ / 1000};
  }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  const std::int64_t times_, over_;
};

// A clock that is set forwards and back.
class SteppingClock final : public Clock {
 public:
  Instant now() const override { return {SystemClock().now().milliseconds + shift.load()}; }
  std::atomic<std::int64_t> shift = 0;
};

struct Change {
  std::uint64_t sequence = 0;
  Instant instant;
  std::string id;
  std::string text;  // empty: deleted
};

class InstantsTest : public ExportFixture {
 protected:
  /// The same folder with another clock of the store.
  void open_with(const Clock& clock) {
    engine_.reset();
    exports_.reset();
    store_.reset();
    store_ = store::open_rocksdb_store(folder_, clock).value();
    start();
  }

  store::Commit write(const std::string& id, const std::string& text) {
    if (text.empty()) return remove(std::string(kType), id);
    return put({fmt::format(R"({{"resourceType":"Basic","id":"{}","code":{{"text":"{}"}}}})", id,
                            text)})
        .commit;
  }

  /// What an export brings: id -> text, "" for deleted.
  std::map<std::string, std::string> read(const std::string& job, std::optional<Instant> since,
                                          Instant until) {
    std::map<std::string, std::string> found;
    for (const auto& line : lines_of_kind(job, FileKind::kOutput)) {
      const auto resource = boost::json::parse(line).as_object();
      const std::string id(resource.at("id").as_string());
      const auto updated =
          parse_fhir_instant(resource.at("meta").at("lastUpdated").as_string()).value();
      EXPECT_TRUE(!since || updated > *since) << id << " comes twice";
      EXPECT_LT(updated, until) << id;
      EXPECT_TRUE(found.emplace(id, resource.at("code").at("text").as_string()).second) << id;
    }
    for (const auto& line : lines_of_kind(job, FileKind::kDeleted)) {
      const auto bundle = boost::json::parse(line).as_object();
      for (const auto& entry : bundle.at("entry").as_array()) {
        const std::string url(entry.at("request").at("url").as_string());
        EXPECT_TRUE(found.emplace(url.substr(kType.size() + 1), "").second) << url;
      }
    }
    return found;
  }

  static std::map<std::string, std::string> state_at(const std::vector<Change>& changes,
                                                     std::uint64_t sequence) {
    std::map<std::string, std::string> state;
    for (const auto& change : changes) {
      if (change.sequence > sequence) continue;
      if (change.text.empty())
        state.erase(change.id);
      else
        state[change.id] = change.text;
    }
    return state;
  }

  /// Two writers, a chain of exports each since the one before, and after each write `disturb`.
  void run_chain(const Clock& clock, const std::function<void(std::mt19937_64&)>& disturb) {
    const std::uint64_t seed = std::random_device{}();
    std::cout << "seed " << seed << "\n";
    open_with(clock);
    std::mutex mutex;
    std::vector<Change> changes;
    std::atomic<bool> stop = false;
    const auto writer = [&](std::uint64_t number) {
      std::mt19937_64 random(seed + number);
      // Ids are of one writer, so that the model's order within an id is that of the commits.
      for (std::uint64_t round = 1; !stop; ++round) {
        const std::string id = fmt::format("w{}-{}", number, random() % 40);
        const std::string text = random() % 5 == 0 ? "" : fmt::format("round {}", round);
        const auto commit = write(id, text);
        disturb(random);
        const std::lock_guard lock(mutex);
        changes.push_back({commit.sequence.value, commit.instant, id, text});
      }
    };
    std::jthread first(writer, 1);
    std::jthread second(writer, 2);
    ExportRequest request;
    request.level = ExportLevel::kSystem;
    std::map<std::string, std::string> copy;
    std::vector<std::pair<std::uint64_t, std::map<std::string, std::string>>> copies;
    std::vector<store::Commit> snapshots;
    for (int i = 0; i < 12; ++i) {
      const auto job = wait(kick_off(request)).job;
      ASSERT_EQ(job.state, job::JobState::kDone) << job.failure;
      for (const auto& [id, text] : read(job.id, request.since, job.snapshot.instant)) {
        if (text.empty())
          copy.erase(id);
        else
          copy[id] = text;
      }
      copies.emplace_back(job.snapshot.sequence.value, copy);
      snapshots.push_back(job.snapshot);
      request.since = job.snapshot.instant;
    }
    stop = true;
    first.join();
    second.join();
    std::sort(changes.begin(), changes.end(),
              [](const Change& a, const Change& b) { return a.sequence < b.sequence; });
    for (const auto& [sequence, held] : copies) EXPECT_EQ(held, state_at(changes, sequence));
    for (const auto& change : changes)
      for (const auto& snapshot : snapshots)
        ASSERT_EQ(change.instant > snapshot.instant, change.sequence > snapshot.sequence.value);
    std::size_t shared = 0;
    for (std::size_t i = 1; i < changes.size(); ++i)
      shared += changes[i].instant == changes[i - 1].instant;
    std::cout << changes.size() << " commits, " << shared << " in the millisecond before\n";
    expected_shared_ = shared;
  }

  std::size_t expected_shared_ = 0;
};

TEST_F(InstantsTest, ManyCommitsInOneMillisecondMakeExactCopies) {  // R-05, M-01
  const ScaledClock clock(1, 20);
  run_chain(clock, [&](auto&) {});
  EXPECT_GT(expected_shared_, 100u);
}

TEST_F(InstantsTest, AFastClockMakesExactCopies) {  // R-05, M-01
  const ScaledClock clock(50, 1);
  run_chain(clock, [](auto&) {});
}

TEST_F(InstantsTest, AClockThatIsSetForwardsAndBackMakesExactCopies) {  // R-05, M-01
  SteppingClock clock;
  run_chain(clock, [&](std::mt19937_64& random) {
    switch (random() % 40) {
      case 0:
        clock.shift += static_cast<std::int64_t>(random() % 5000);
        break;
      case 1:
        clock.shift -= static_cast<std::int64_t>(random() % 5000);
        break;
      case 2:
        clock.shift += static_cast<std::int64_t>(random() % 3) - 1;
        break;
      default:
        break;
    }
  });
}

TEST_F(InstantsTest, WritesAreNeverAheadOfTheClock) {  // R-05
  const SystemClock clock;
  open_with(clock);
  for (int i = 0; i < 3000; ++i) {
    const auto commit = write(fmt::format("b{}", i), "x");
    ASSERT_LE(commit.instant, clock.now());
  }
  ExportRequest request;
  request.level = ExportLevel::kSystem;
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  request.until = clock.now();
  EXPECT_EQ(run(request).size(), 3000u) << "_until=now holds all that was written before";
}

}  // namespace
}  // namespace sluice::bulk
