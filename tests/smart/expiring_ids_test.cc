// an id is used once in its life, also across restarts and by many threads.
#include "smart/expiring_ids.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "smart_fixture.h"

namespace sluice::smart {
namespace {

class ExpiringIdsTest : public SmartTest {
 protected:
  ExpiringIdsTest() { open(); }
  void open(std::size_t ids_max = 1000) {
    ids.reset();
    ids =
        ExpiringIds::open(store(), clock, {"jti/", ids_max, [this] { return monotonic; }}).value();
  }
  /// Both clocks.
  void advance(std::chrono::milliseconds by) {
    clock.advance(by);
    monotonic += by;
  }
  bool insert(std::string_view client, std::string_view id, int seconds = 60) {
    return ids->insert(client, id, clock.now() + std::chrono::seconds(seconds)).value();
  }

  std::chrono::steady_clock::time_point monotonic;
  std::unique_ptr<ExpiringIds> ids;
};

TEST_F(ExpiringIdsTest, AnIdIsTakenOnceByEachClient) {
  EXPECT_FALSE(ids->contains("a", "1"));
  EXPECT_TRUE(insert("a", "1"));
  EXPECT_TRUE(ids->contains("a", "1"));
  EXPECT_FALSE(insert("a", "1"));
  EXPECT_FALSE(insert("a", "1", 200)) << "another expiry is the same id";
  EXPECT_TRUE(insert("b", "1"));
  EXPECT_TRUE(insert("a", "2"));
  EXPECT_TRUE(insert("a", std::string("1\0", 2)));
  EXPECT_TRUE(insert("a", "a/1"));
}

TEST_F(ExpiringIdsTest, AnIdIsStillTakenAfterARestart) {
  EXPECT_TRUE(insert("a", "1"));
  ids.reset();
  reopen();
  open();
  EXPECT_FALSE(insert("a", "1"));
  EXPECT_TRUE(insert("a", "2"));
}

TEST_F(ExpiringIdsTest, WhatHasExpiredIsFreeAgainAndGoes) {
  EXPECT_TRUE(insert("a", "1", 60));
  EXPECT_TRUE(insert("a", "2", 120));
  advance(std::chrono::seconds(59));
  EXPECT_FALSE(insert("a", "1"));
  advance(std::chrono::seconds(1));
  EXPECT_FALSE(ids->contains("a", "1"));
  EXPECT_TRUE(insert("a", "1", 100)) << "and this insert purges";
  EXPECT_EQ(ids->size(), 2u);
  EXPECT_EQ(documents("jti/"), 2u);
  EXPECT_FALSE(insert("a", "1"));
  advance(std::chrono::hours(1));
  ASSERT_TRUE(ids->purge());
  EXPECT_EQ(ids->size(), 0u);
  EXPECT_EQ(documents("jti/"), 0u);
}

TEST_F(ExpiringIdsTest, WhatHasExpiredGoesWhenItHasHadItsLifeSinceTheStart) {
  EXPECT_TRUE(insert("a", "1", 60));
  EXPECT_TRUE(insert("a", "2", 3600));
  advance(std::chrono::seconds(100));
  ids.reset();
  reopen();
  open();
  ASSERT_TRUE(ids->purge());
  EXPECT_EQ(ids->size(), 2u);
  advance(std::chrono::seconds(60));
  ASSERT_TRUE(ids->purge());
  EXPECT_EQ(ids->size(), 1u);
  EXPECT_EQ(documents("jti/"), 1u);
}

TEST_F(ExpiringIdsTest, AnIdStaysTakenWhenTheClockWentForwardsAndBack) {
  for (const bool restarts : {false, true}) {
    const std::string id = restarts ? "1" : "2";
    const auto expires = clock.now() + std::chrono::minutes(5);
    EXPECT_TRUE(ids->insert("a", id, expires).value());
    clock.advance(std::chrono::hours(24 * 40));
    monotonic += std::chrono::minutes(2);
    EXPECT_TRUE(insert("a", "meanwhile " + id));
    ASSERT_TRUE(ids->purge());
    if (restarts) {
      ids.reset();
      reopen();
      open();
      ASSERT_TRUE(ids->purge());
    }
    clock.advance(-std::chrono::hours(24 * 40));
    EXPECT_TRUE(ids->contains("a", id));
    EXPECT_FALSE(ids->insert("a", id, expires).value());
    monotonic += std::chrono::minutes(10);
    ASSERT_TRUE(ids->purge());
    EXPECT_TRUE(ids->contains("a", id)) << "the wall clock has not come to its end";
    advance(std::chrono::minutes(5));
    ASSERT_TRUE(ids->purge());
    EXPECT_FALSE(ids->contains("a", id));
  }
}

TEST_F(ExpiringIdsTest, AnIdThatAnEarlierVersionWroteIsKeptAnHourAfterTheStart) {
  store::Transaction transaction;
  const std::int64_t expired = clock.now().milliseconds - 1000;
  transaction.documents.push_back({fmt::format("jti/{:013}/a/00", expired), ""});
  ASSERT_TRUE(store().write(transaction));
  open();
  advance(std::chrono::minutes(59));
  ASSERT_TRUE(ids->purge());
  EXPECT_EQ(ids->size(), 1u);
  advance(std::chrono::minutes(1));
  ASSERT_TRUE(ids->purge());
  EXPECT_EQ(ids->size(), 0u);
}

TEST_F(ExpiringIdsTest, AnIdThatCouldNotBeKeptIsNotGivenTwice) {
  refuse_writes = true;
  EXPECT_EQ(ids->insert("a", "1", clock.now() + std::chrono::minutes(1)).error().kind,
            ErrorKind::kStorage);
  refuse_writes = false;
  EXPECT_FALSE(insert("a", "1"));
}

TEST_F(ExpiringIdsTest, IsBounded) {
  open(2);
  EXPECT_TRUE(insert("a", "1"));
  EXPECT_TRUE(insert("a", "2"));
  EXPECT_EQ(ids->insert("a", "3", clock.now() + std::chrono::minutes(1)).error().kind,
            ErrorKind::kUnavailable);
  advance(std::chrono::minutes(2));
  EXPECT_TRUE(insert("a", "3")) << "the expired ones made room";
}

TEST_F(ExpiringIdsTest, OfManyThreadsOneWins) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> winners = 0;
    std::atomic<bool> go = false;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        while (!go) std::this_thread::yield();
        if (insert("a", fmt::format("id {}", round))) ++winners;
      });
    }
    go = true;
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(winners, 1);
  }
}

TEST_F(ExpiringIdsTest, R03ADocumentThatIsNoneIsLeftOut) {
  ASSERT_TRUE(insert("a", "kept"));
  for (const char* key : {"jti/x", "jti/1700000000000", "jti/170000000000x/a/b"}) {
    store::Transaction transaction;
    transaction.documents.push_back({key, ""});
    ASSERT_TRUE(store().write(transaction));
    const auto opened = ExpiringIds::open(store(), clock, {"jti/"});
    ASSERT_TRUE(opened) << key;
    EXPECT_EQ((*opened)->size(), 1u) << key;
    EXPECT_TRUE((*opened)->contains("a", "kept"));
    transaction.documents[0].value.reset();
    ASSERT_TRUE(store().write(transaction));
  }
}

TEST_F(ExpiringIdsTest, ExpiriesOutOfRangeAreKeptInRange) {
  EXPECT_TRUE(ids->insert("a", "1", Instant{INT64_MAX}).value());
  EXPECT_FALSE(ids->insert("a", "1", Instant{INT64_MAX}).value());
  ids.reset();
  reopen();
  open();
  EXPECT_TRUE(ids->contains("a", "1"));
}

}  // namespace
}  // namespace sluice::smart
