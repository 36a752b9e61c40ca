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

TEST_F(KeyRingTest, DoesNotStartWithoutAKey) {
  refuse_writes = true;
  KeyRing::Options other = options();
  other.purpose = "other";
  EXPECT_EQ(KeyRing::open(store(), clock, other).error().kind, ErrorKind::kStorage);
}

// R-03: what a key that cannot be read has signed is void; the others go on.
TEST_F(KeyRingTest, R03AKeyThatCannotBeReadIsLeftOut) {
  store::Transaction transaction;
  const std::string other = fmt::format("smart-key/test/{:013}-", clock.now().milliseconds + 1);
  transaction.documents.push_back({other + "a", R"({"secret":"find-me"})"});
  transaction.documents.push_back({other + "b", "{"});
  // Of another document's key: moved, or damaged.
  transaction.documents.push_back({other + "c", R"({"id":"k9","created":1,"secret":"secret"})"});
  ASSERT_TRUE(store().write(transaction));
  open();
  EXPECT_THAT(ids(), ElementsAre("k1"));
  // With no other, there is a new one.
  store::Transaction damage;
  for (const auto& document : *store().documents("smart-key/test/", {}, 10))
    damage.documents.push_back({document.key, "\xff"});
  ASSERT_TRUE(store().write(damage));
  open();
  EXPECT_THAT(ids(), ElementsAre("k2"));
}

TEST_F(KeyRingTest, R03ASecretThatCannotBeThePurposesIsLeftOut) {
  KeyRing::Options strict = options();
  strict.is_secret = [](const std::string& secret) { return secret == "another"; };
  strict.make = []() -> Result<RingKey> { return RingKey{"new", {}, "another"}; };
  ring = KeyRing::open(store(), clock, strict).value();
  EXPECT_THAT(ids(), ElementsAre("new"));
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
