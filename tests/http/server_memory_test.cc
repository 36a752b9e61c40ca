// what answers hold in memory is bounded, and clients that do not read hold nothing up.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "raw_client.h"

namespace sluice::http {
namespace {

using namespace std::chrono_literals;

std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

class MemoryTest : public ServerTest {
 protected:
  void start_with(std::size_t size_max) {
    answers_ = std::make_shared<MemoryBudget>(size_max);
    ServerOptions options;
    options.answers = answers_;
    start(options);
  }
  /// Whether so many bytes are held before long.
  template <class Condition>
  bool comes_to(Condition condition) {
    for (int i = 0; i < 20'000; ++i) {
      if (condition(answers_->used())) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  bool comes_to_be_held() {
    return comes_to([](std::size_t used) { return used >= 8'000'000; });
  }
  bool comes_to_nothing() {
    return comes_to([](std::size_t used) { return used == 0; });
  }

  std::shared_ptr<MemoryBudget> answers_;
};

TEST_F(MemoryTest, RefusesAnswersForWhichThereIsNoRoomUntilOthersAreSent) {
  start_with(10'000'000);
  RawClient holder(port(), 8192);
  holder.send(get("/large"));
  ASSERT_TRUE(comes_to_be_held());
  RawClient client(port());
  const Answer refused = client.ask(get("/large"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.header("Retry-After"), "2");
  // What is small is answered all the same, also on that connection.
  EXPECT_EQ(client.ask(get("/hello")).body, "hello");
  holder.close();
  ASSERT_TRUE(comes_to_nothing());
  EXPECT_EQ(client.ask(get("/large")).body.size(), 8'000'000u);
}

TEST_F(MemoryTest, SendsASingleAnswerThatIsLargerThanAll) {
  start_with(1000);
  RawClient client(port());
  EXPECT_EQ(client.ask(get("/large")).body.size(), 8'000'000u);
  ASSERT_TRUE(comes_to_nothing());
}

TEST_F(MemoryTest, HoldsNothingForHead) {
  start_with(1000);
  RawClient client(port());
  const Answer answer = client.ask("HEAD /large HTTP/1.1\r\nHost: a\r\n\r\n", true);
  EXPECT_EQ(answer.header("Content-Length"), "8000000");
  ASSERT_TRUE(comes_to_nothing());
}

TEST_F(MemoryTest, DoesNotMakeAWriteLookUndone) {
  start_with(10'000'000);
  RawClient holder(port(), 8192);
  holder.send(get("/large"));
  ASSERT_TRUE(comes_to_be_held());
  RawClient client(port());
  const Answer done = client.ask("POST /done HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(done.status, 201);
  EXPECT_EQ(done.body, "");
}

TEST_F(MemoryTest, CutsAClientThatDoesNotReadWhenOthersHaveNoRoom) {
  start_with(10'000'000);
  RawClient holder(port(), 8192);
  holder.send(get("/large"));
  ASSERT_TRUE(comes_to_be_held());
  RawClient client(port());
  EXPECT_EQ(client.ask(get("/large")).status, 503);
  ASSERT_TRUE(comes_to_nothing());
  EXPECT_EQ(client.ask(get("/large")).status, 200);
  const auto all = records(3);
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const auto& one) { return one.aborted; }), 1);
}

TEST_F(MemoryTest, HoldsNothingOfAStreamThatIsNotRead) {
  start_with(100'000'000);
  RawClient client(port(), 8192);
  client.send(get("/rewound"));
  ASSERT_TRUE(comes_to([](std::size_t used) { return used > 2'000'000; }));
  ASSERT_TRUE(comes_to_nothing());
  const Answer answer = client.read();
  ASSERT_EQ(answer.body.size(), kRewoundSize);
  for (std::size_t i = 0; i < answer.body.size(); ++i) ASSERT_EQ(answer.body[i], file_byte(i)) << i;
  EXPECT_EQ(records(1)[0].bytes_sent, kRewoundSize);
  EXPECT_FALSE(records(1)[0].aborted);
}

TEST_F(MemoryTest, GivesStreamsTheirTurnWhenThereIsRoomForOne) {
  start_with(3'000'000);
  std::vector<std::unique_ptr<RawClient>> stalled;
  for (int i = 0; i < 3; ++i) {
    stalled.push_back(std::make_unique<RawClient>(port(), 8192));
    stalled.back()->send(get("/rewound"));
  }
  RawClient client(port());
  EXPECT_EQ(client.ask(get("/rewound")).body.size(), kRewoundSize);
  EXPECT_EQ(stalled.front()->read().body.size(), kRewoundSize);
}

}  // namespace
}  // namespace sluice::http
