// nobody has the threads to himself by asking for TLS handshakes.
#include "http/handshake_rate.h"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

using namespace std::chrono_literals;

class HandshakeRateTest : public testing::Test {
 protected:
  int allowed(HandshakeRate& rate, const std::string& network, int asked) {
    int count = 0;
    for (int i = 0; i < asked; ++i)
      if (rate.take(network, now_)) ++count;
    return count;
  }
  HandshakeRate::TimePoint now_{1000h};
};

TEST_F(HandshakeRateTest, ANetworkHasTwiceItsRateAtOnceAndThenItsRate) {
  HandshakeRate rate(10);
  EXPECT_EQ(allowed(rate, "192.0.2.1", 100), 20);
  EXPECT_EQ(allowed(rate, "192.0.2.2", 100), 20);
  now_ += 500ms;
  EXPECT_EQ(allowed(rate, "192.0.2.1", 100), 5);
  now_ += 1h;
  EXPECT_EQ(allowed(rate, "192.0.2.1", 100), 20);
}

TEST_F(HandshakeRateTest, WhoIsNotCountedAndAServerWithoutARateHaveNoLimit) {
  HandshakeRate rate(1);
  EXPECT_EQ(allowed(rate, "", 1000), 1000);
  HandshakeRate none(0);
  EXPECT_EQ(allowed(none, "192.0.2.1", 1000), 1000);
  EXPECT_EQ(none.size(), 0u);
}

TEST_F(HandshakeRateTest, ManyNetworksTakeLittleMemory) {
  HandshakeRate rate(1000);
  for (int i = 0; i < 300'000; ++i) {
    now_ += 10us;
    EXPECT_TRUE(rate.take(std::to_string(i), now_));
  }
  EXPECT_LT(rate.size(), 5'000u) << "a bucket that is full again is forgotten";
  HandshakeRate slow(1);
  for (int i = 0; i < 300'000; ++i) EXPECT_TRUE(slow.take(std::to_string(i), now_));
  EXPECT_LE(slow.size(), HandshakeRate::kNetworksMax);
}

}  // namespace
}  // namespace sluice::http
