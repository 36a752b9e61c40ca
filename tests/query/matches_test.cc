// Matches that conditional writes stand on (I-02): brought forward as others write, and a condition
// of the store that lets no other write between.
#include "query/matches.h"

#include <gmock/gmock.h>

#include <atomic>
#include <random>
#include <thread>

#include "querying.h"

namespace sluice::query {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class MatchesTest : public Querying {
 protected:
  Matches matches(std::string_view text, std::size_t limit = 2) {
    return Matches::find(*store_, compiled(text), limit).value();
  }
  /// Writes under the matches' condition; whether the store took it.
  bool write_on(const Matches& matches, const std::string& line) {
    const auto resource = fhir::ResourceReader().read(line).value();
    store::Transaction transaction;
    transaction.durable = false;
    transaction.puts = {&resource};
    transaction.unchanged = {matches.condition()};
    const auto outcome = store_->write(transaction);
    if (!outcome) {
      EXPECT_EQ(outcome.error().kind, ErrorKind::kConflict);
    }
    return outcome.has_value();
  }
};

TEST_F(MatchesTest, WhatIsWrittenSinceCounts) {
  put({observation("1", "x", ""), observation("2", "y", "")});
  auto found = matches("Observation?code=x", 3);
  EXPECT_THAT(found.ids(), ElementsAre("1"));
  put({observation("2", "x", "")});
  EXPECT_THAT(found.ids(), ElementsAre("1"));
  ASSERT_TRUE(found.catch_up());
  EXPECT_THAT(found.ids(), ElementsAre("1", "2"));
  put({observation("1", "y", "")});
  remove("Observation", "2");
  ASSERT_TRUE(found.catch_up());
  EXPECT_THAT(found.ids(), ElementsAre());
  EXPECT_EQ(found.as_of(), store_->last_commit().sequence);
}

TEST_F(MatchesTest, MoreThanTheLimitAreLookedForAgain) {
  put({observation("1", "x", ""), observation("2", "x", ""), observation("3", "x", "")});
  auto found = matches("Observation?code=x");
  EXPECT_THAT(found.ids(), SizeIs(2));
  remove("Observation", "1");
  remove("Observation", "2");
  ASSERT_TRUE(found.catch_up());
  EXPECT_THAT(found.ids(), ElementsAre("3"));
}

// Of two that came when one had room, the other is not forgotten when the first goes.
TEST_F(MatchesTest, WhatHadNoRoomIsLookedForWhenThereIsRoomAgain) {
  put({observation("5", "x", "")});
  auto found = matches("Observation?code=x");
  put({observation("1", "x", ""), observation("2", "x", ""), observation("5", "y", "")});
  ASSERT_TRUE(found.catch_up());
  EXPECT_THAT(found.ids(), ElementsAre("1", "2"));
}

TEST_F(MatchesTest, SeveralAreBroughtForwardAsEachWouldBe) {
  put({patient("a", "male"), observation("1", "x", "Patient/a"), observation("2", "y", "")});
  std::vector<search::Query> queries;
  const std::vector<std::string> texts = {"Observation?code=x", "Observation?code=y",
                                          "Observation?code=z", "Observation?_id=2,3",
                                          "Observation?patient.gender=male"};
  for (const auto& text : texts) queries.push_back(compiled(text));
  auto together = Matches::find_each(*store_, queries, 2).value();
  const auto expect_same = [&] {
    std::vector<Matches*> each;
    for (auto& one : together) each.push_back(&one);
    ASSERT_TRUE(Matches::catch_up_each(each));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(together[i].ids(), matches(texts[i]).ids()) << texts[i];
      EXPECT_EQ(together[i].as_of(), store_->last_commit().sequence);
    }
  };
  expect_same();
  put({observation("3", "x", ""), observation("4", "z", "")});
  expect_same();
  put({observation("1", "z", ""), observation("5", "x", "")});
  remove("Observation", "2");
  expect_same();
  put({patient("a", "female")});
  expect_same();
}

TEST_F(MatchesTest, OtherTypesDecideToo) {
  put({patient("a", "female"), observation("1", "x", "Patient/a")});
  auto found = matches("Observation?patient.gender=male");
  EXPECT_THAT(found.ids(), ElementsAre());
  const auto stale = found;
  put({patient("a", "male")});
  EXPECT_FALSE(write_on(stale, observation("2", "x", "")));
  ASSERT_TRUE(found.catch_up());
  EXPECT_THAT(found.ids(), ElementsAre("1"));
}

TEST_F(MatchesTest, TheStoreRefusesAWriteThatRestsOnAnOldState) {
  put({observation("1", "x", "")});
  auto found = matches("Observation?code=y");
  put({patient("a", "female")});
  EXPECT_TRUE(write_on(found, observation("2", "y", ""))) << "a Patient does not matter";
  EXPECT_FALSE(write_on(found, observation("3", "y", "")));
  EXPECT_EQ(count(*store_, query("Observation?code=y"), store_->last_commit().sequence).value(),
            1u);
  ASSERT_TRUE(found.catch_up());
  EXPECT_THAT(found.ids(), ElementsAre("2"));
  EXPECT_TRUE(write_on(found, observation("3", "y", "")));
  remove("Observation", "3");
  EXPECT_FALSE(write_on(found, observation("4", "y", ""))) << "a deletion matters as well";
  // What changes nothing is no change.
  ASSERT_TRUE(found.catch_up());
  put({observation("1", "x", "")});
  EXPECT_TRUE(write_on(found, observation("5", "z", "")));
}

// Each thread makes what is not there; of each code there is one in the end.
TEST_F(MatchesTest, ManyWritersMakeOneOfEach) {
  constexpr int kThreads = 4;
  constexpr int kCodes = 30;
  std::atomic<int> created = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int code = 0; code < kCodes; ++code) {
        const std::string name = "c" + std::to_string(code);
        auto found = matches("Observation?code=" + name);
        while (found.ids().empty()) {
          if (write_on(found, observation(name + "-" + std::to_string(t), name, ""))) {
            ++created;
            break;
          }
          ASSERT_TRUE(found.catch_up());
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(created, kCodes);
  EXPECT_THAT(found("Observation?"), SizeIs(kCodes));
}

TEST_F(MatchesTest, CatchingUpIsTheSameAsSearchingAnew) {
  std::mt19937 random(7);
  const auto any = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  auto by_code = matches("Observation?code=x", 4);
  auto by_chain = matches("Observation?patient.gender=male", 4);
  for (int round = 0; round < 200; ++round) {
    for (int i = any(4); i >= 0; --i) {
      const std::string id = std::to_string(any(8));
      const std::string of = "Patient/p" + std::to_string(any(3));
      switch (any(4)) {
        case 0:
          remove("Observation", id);
          break;
        case 1:
          put({patient("p" + std::to_string(any(3)), any(2) == 0 ? "male" : "female")});
          break;
        default:
          put({observation(id, any(2) == 0 ? "x" : "y", of)});
      }
    }
    for (auto* found : {&by_code, &by_chain}) ASSERT_TRUE(found->catch_up());
    const auto anew = [&](std::string_view text, const Matches& caught_up) {
      const auto all = found(text);
      if (all.size() >= 4) return caught_up.ids().size() == 4;
      auto sorted = all;
      std::sort(sorted.begin(), sorted.end());
      return sorted == caught_up.ids();
    };
    ASSERT_TRUE(anew("Observation?code=x", by_code)) << round;
    ASSERT_TRUE(anew("Observation?patient.gender=male", by_chain)) << round;
  }
}

}  // namespace
}  // namespace sluice::query
