// A-05: own keys rotate, and a replaced one is accepted until what it signed has expired.
#include "smart/key_ring.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "smart_fixture.h"

namespace sluice::smart {
namespace {

using std::chrono::hours;

class KeyRingTest : public SmartTest {
 protected:
  KeyRingTest() { open(); }
  KeyRing::Options options() {
    return {"test", hours(24), hours(1), [this]() -> Result<RingKey> {
              ++made;
              return RingKey{fmt::format("k{}", made.load()), {}, "secret"};
            }};
  }
  void open() {
    ring.reset();
    ring = KeyRing::open(store(), clock, options()).value();
  }
  std::vector<std::string> ids() {
    std::vector<std::string> result;
    for (const auto& key : ring->all()) result.push_back(key->id);
    return result;
  }

  std::atomic<int> made = 0;
  std::unique_ptr<KeyRing> ring;
};

using ::testing::ElementsAre;

TEST_F(KeyRingTest, MakesOneKeyAndFindsItAgainAfterARestart) {
  EXPECT_EQ(ring->current()->id, "k1");
  ring.reset();
  reopen();
  open();
  EXPECT_EQ(ring->current()->id, "k1");
  EXPECT_EQ(ring->current()->secret, "secret");
  EXPECT_EQ(made, 1);
}

TEST_F(KeyRingTest, ReplacesAKeyWhenItIsOldAndForgetsItLater) {
  clock.advance(hours(23));
  EXPECT_EQ(ring->current()->id, "k1");
  clock.advance(hours(1));
  EXPECT_EQ(ring->current()->id, "k2");
  EXPECT_THAT(ids(), ElementsAre("k2", "k1"));
  EXPECT_NE(ring->find("k1"), nullptr);
  clock.advance(hours(1));
  EXPECT_EQ(ring->find("k1"), nullptr);
  EXPECT_THAT(ids(), ElementsAre("k2"));
  EXPECT_EQ(documents("smart-key/test/"), 2u);
  ASSERT_TRUE(ring->purge());
  EXPECT_EQ(documents("smart-key/test/"), 1u);
  EXPECT_EQ(ring->current()->id, "k2");
}

TEST_F(KeyRingTest, TheOrderOfKeysIsKeptAcrossRestartsAndAClockSetBack) {
  clock.advance(hours(-5));
  ASSERT_TRUE(ring->rotate());
  ASSERT_TRUE(ring->rotate());
  EXPECT_THAT(ids(), ElementsAre("k3", "k2", "k1"));
  ring.reset();
  reopen();
  open();
  EXPECT_THAT(ids(), ElementsAre("k3", "k2", "k1"));
}

TEST_F(KeyRingTest, GoesOnWithTheOldKeyWhenANewOneCannotBeKept) {
  clock.advance(hours(25));
  refuse_writes = true;
  EXPECT_EQ(ring->current()->id, "k1");
  EXPECT_FALSE(ring->rotate());
  refuse_writes = false;
  EXPECT_NE(ring->current()->id, "k1");
}

TEST_F(KeyRingTest, DoesNotStartWithoutAKeyOrWithABrokenOne) {
  refuse_writes = true;
  KeyRing::Options other = options();
  other.purpose = "other";
  EXPECT_EQ(KeyRing::open(store(), clock, other).error().kind, ErrorKind::kStorage);
  refuse_writes = false;
  store::Transaction transaction;
  transaction.documents.push_back({"smart-key/test/1700000000001-x", R"({"secret":"find-me"})"});
  ASSERT_TRUE(store().write(transaction));
  const auto opened = KeyRing::open(store(), clock, options());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::kCorrupt);
  EXPECT_THAT(opened.error().message + opened.error().detail,
              ::testing::Not(::testing::HasSubstr("find-me")));
}

TEST_F(KeyRingTest, ManyThreadsMakeOneNewKey) {
  clock.advance(hours(25));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) EXPECT_NE(ring->current(), nullptr);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(made, 2);
  EXPECT_EQ(ring->current()->id, "k2");
}

}  // namespace
}  // namespace sluice::smart
