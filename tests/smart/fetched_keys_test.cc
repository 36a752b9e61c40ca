// Keys by JWKS URL: when they are fetched and when not.
#include "smart/fetched_keys.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace sluice::smart {
namespace {

using namespace std::chrono_literals;

class FetchedKeysTest : public ::testing::Test {
 protected:
  FetchedKeysTest() {
    client_.id = "acme";
    client_.jwks_url = "https://acme.example/jwks";
    rotate();
  }
  // Another key at the URL.
  void rotate() {
    const auto key = jose::PrivateJwk::generate(jose::Algorithm::kEs384).value();
    jose::JwkSet keys;
    keys.add(key.public_part());
    kid_ = key.kid();
    answer_ = FetchedJwks{keys.to_json(), max_age_};
  }
  bool has(const std::string& kid) {
    const auto keys = keys_.keys(client_, kid);
    return keys && keys->has_kid(kid);
  }

  std::optional<std::chrono::seconds> max_age_ = 600s;
  Result<FetchedJwks> answer_ = FetchedJwks{};
  std::string kid_;
  std::atomic<int> fetches_ = 0;
  FetchedKeys::Time now_{1000h};
  Client client_;
  // While it is shut, the server at the URL does not answer.
  void shut() { is_open_ = false; }
  void open() {
    {
      const std::lock_guard lock(gate_mutex_);
      is_open_ = true;
    }
    gate_.notify_all();
  }

  std::mutex gate_mutex_;
  std::condition_variable_any gate_;
  bool is_open_ = true;
  FetchedKeys::Fetch fetch_ = [this](const std::string&,
                                     const std::stop_token& stop) -> Result<FetchedJwks> {
    ++fetches_;
    std::unique_lock lock(gate_mutex_);
    if (!gate_.wait(lock, stop, [this] { return is_open_; }))
      return Error{ErrorKind::kCancelled, "stopped"};
    return answer_;
  };
  // Only the hosts called so are slow.
  FetchedKeys::Fetch slow_ = [this](const std::string& url,
                                    const std::stop_token& stop) -> Result<FetchedJwks> {
    if (url.find("slow") != std::string::npos) {
      const auto fetched = fetch_(url, stop);
      return answer_of_slow_ ? fetched : answer_of_slow_;
    }
    ++fetches_;
    return answer_;
  };
  Result<FetchedJwks> answer_of_slow_ = FetchedJwks{};
  /// Whether a client of another host gets its keys.
  bool comes_to_others(FetchedKeys& keys) {
    client_.jwks_url = "https://acme.example/jwks";
    for (int i = 0; i < 5000; ++i) {
      if (keys.keys(client_, kid_)) return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }
  FetchedKeysOptions options_ = {.waiting_max = 8, .wait_max = 60s};
  FetchedKeys keys_{fetch_, options_, [this] { return now_; }};
};

TEST_F(FetchedKeysTest, A04KeysAreKeptAsLongAsCacheControlSays) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(has(kid_));
  EXPECT_EQ(fetches_, 1);
  now_ += 599s;
  EXPECT_TRUE(has(kid_));
  EXPECT_EQ(fetches_, 1);
  now_ += 2s;
  EXPECT_TRUE(has(kid_));
  EXPECT_EQ(fetches_, 2);
}

TEST_F(FetchedKeysTest, A04CacheControlHasAFloorAndACeiling) {
  max_age_ = 0s;
  rotate();
  EXPECT_TRUE(has(kid_));
  now_ += 59s;
  EXPECT_TRUE(has(kid_));
  EXPECT_EQ(fetches_, 1) << "not more often than once a minute";
  now_ += 2s;
  max_age_ = std::chrono::hours(24 * 365);
  rotate();
  EXPECT_TRUE(has(kid_));
  now_ += 24h;
  EXPECT_TRUE(has(kid_));
  EXPECT_EQ(fetches_, 3) << "at least once a day";
}

TEST_F(FetchedKeysTest, A04AnUnknownKidIsLookedForOnceAMinute) {
  EXPECT_TRUE(has(kid_));
  const std::string old = kid_;
  rotate();
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(has(kid_));
  EXPECT_EQ(fetches_, 1);
  now_ += 61s;
  EXPECT_TRUE(has(kid_));
  EXPECT_FALSE(has(old));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(has("nobody"));
  EXPECT_EQ(fetches_, 2);
}

TEST_F(FetchedKeysTest, A04AFailedFetchLeavesTheOldKeysForAWhile) {
  EXPECT_TRUE(has(kid_));
  answer_ = Error{ErrorKind::kUnavailable, "away"};
  now_ += 601s;
  EXPECT_TRUE(has(kid_));
  EXPECT_EQ(fetches_, 2);
  EXPECT_TRUE(has(kid_));
  EXPECT_EQ(fetches_, 2) << "nor is a failing server asked at every request";
  now_ += 48h;
  const auto gone = keys_.keys(client_, kid_);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::kUnavailable);
  EXPECT_TRUE(gone.error().retry_after);
}

TEST_F(FetchedKeysTest, A04RubbishAtTheUrlIsAnError) {
  for (const char* text : {"", "[]", "{\"keys\":7}", "<html>"}) {
    now_ += 61s;
    answer_ = FetchedJwks{text, {}};
    const auto keys = keys_.keys(client_, "a");
    ASSERT_FALSE(keys) << text;
    EXPECT_EQ(keys.error().kind, ErrorKind::kUnavailable) << text;
  }
}

TEST_F(FetchedKeysTest, A04ThreadsWaitForOneFetch) {
  std::vector<std::thread> threads;
  std::atomic<int> found = 0;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { found += has(kid_) ? 1 : 0; });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(found, 8);
  EXPECT_EQ(fetches_, 1);
}

TEST_F(FetchedKeysTest, R02WhoMayNotWaitIsToldAtOnceToComeAgain) {
  options_.waiting_max = 0;
  FetchedKeys keys(fetch_, options_, [this] { return now_; });
  shut();
  for (int i = 0; i < 20; ++i) {
    const auto none = keys.keys(client_, kid_);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind, ErrorKind::kUnavailable);
    EXPECT_EQ(none.error().retry_after, 1s);
  }
  open();
  while (!keys.keys(client_, kid_)) std::this_thread::yield();
  EXPECT_EQ(fetches_, 1) << "one fetch of a URL at a time";
}

TEST_F(FetchedKeysTest, R02ACallerWaitsForAWhileOnly) {
  options_.wait_max = 20ms;
  FetchedKeys keys(fetch_, options_, [this] { return now_; });
  shut();
  const auto none = keys.keys(client_, kid_);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().retry_after, 1s);
  open();
  while (!keys.keys(client_, kid_)) std::this_thread::yield();
  EXPECT_EQ(fetches_, 1);
}

TEST_F(FetchedKeysTest, R02SoManyCallersWaitAndNoMore) {
  options_.waiting_max = 2;
  FetchedKeys keys(fetch_, options_, [this] { return now_; });
  shut();
  std::atomic<int> refused = 0;
  std::atomic<int> found = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back([&] {
      if (keys.keys(client_, kid_))
        ++found;
      else
        ++refused;
    });
  while (refused < 4) std::this_thread::yield();
  open();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(found, 2);
  EXPECT_EQ(refused, 4);
  EXPECT_EQ(fetches_, 1);
}

TEST_F(FetchedKeysTest, R02FreshKeysAreGivenWhileAnUnknownKidIsLookedFor) {
  EXPECT_TRUE(has(kid_));
  now_ += 61s;
  options_.waiting_max = 0;
  FetchedKeys keys(fetch_, options_, [this] { return now_; });
  while (!keys.keys(client_, kid_)) std::this_thread::yield();
  now_ += 61s;
  shut();
  EXPECT_FALSE(keys.keys(client_, "nobody"));
  EXPECT_TRUE(keys.keys(client_, kid_));
  open();
}

TEST_F(FetchedKeysTest, R02KeysThatAreNotFreshDoNotCountWhileTheyAreFetchedAgain) {
  options_.waiting_max = 0;
  FetchedKeys keys(fetch_, options_, [this] { return now_; });
  while (!keys.keys(client_, kid_)) std::this_thread::yield();
  now_ += 601s;
  shut();
  EXPECT_FALSE(keys.keys(client_, kid_)) << "it may have been withdrawn";
  open();
  while (!keys.keys(client_, kid_)) std::this_thread::yield();
}

TEST_F(FetchedKeysTest, R02TheQueueOfFetchesIsBounded) {
  options_.waiting_max = 0;
  options_.fetches_max = 1;
  options_.queue_max = 2;
  FetchedKeys keys(fetch_, options_, [this] { return now_; });
  shut();
  for (int i = 0; i < 50; ++i) {
    client_.jwks_url = "https://slow.example/" + std::to_string(i);
    EXPECT_FALSE(keys.keys(client_, kid_));
  }
  open();
  client_.jwks_url = "https://acme.example/jwks";
  while (!keys.keys(client_, kid_)) std::this_thread::yield();
  EXPECT_LE(fetches_, 5) << "one at work, one that it may have freed, two in the queue, and ours";
}

TEST_F(FetchedKeysTest, R02AHostThatDoesNotAnswerLeavesThreadsToOthers) {
  options_.waiting_max = 0;
  FetchedKeys keys(slow_, options_, [this] { return now_; });
  shut();
  for (int i = 0; i < 40; ++i) {
    client_.jwks_url = fmt::format("https://slow.example:{}/{}", 1000 + i % 3, i);
    EXPECT_FALSE(keys.keys(client_, kid_));
  }
  EXPECT_TRUE(comes_to_others(keys));
  EXPECT_LE(fetches_, 3) << "two of that host, and ours";
}

TEST_F(FetchedKeysTest, R02UrlsThatFailedBeforeLeaveThreadsToOthers) {
  options_.wait_max = 5ms;
  FetchedKeys keys(slow_, options_, [this] { return now_; });
  const auto failed = [&] {  // how many are known not to answer
    int count = 0;
    for (int i = 0; i < 20; ++i) {
      client_.jwks_url = fmt::format("https://slow{}.example/jwks", i);
      const auto none = keys.keys(client_, kid_);
      EXPECT_FALSE(none);
      count += none.error().retry_after == options_.age_min ? 1 : 0;
    }
    return count;
  };
  answer_of_slow_ = Error{ErrorKind::kUnavailable, "away"};
  while (failed() < 20) std::this_thread::yield();
  now_ += 61s;
  shut();
  EXPECT_EQ(failed(), 0);
  EXPECT_TRUE(comes_to_others(keys));
  EXPECT_LE(fetches_, 25) << "four once more, and ours";
}

TEST_F(FetchedKeysTest, R02AHostOfManyClientsIsAskedForAllOfThem) {
  std::atomic<int> found = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      Client client = client_;
      client.jwks_url = fmt::format("https://vendor.example/{}", i);
      found += keys_.keys(client, kid_) ? 1 : 0;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(found, 8) << "they wait for room, and for their fetch";
}

TEST_F(FetchedKeysTest, R02AnEndDoesNotWaitForASlowServer) {
  shut();
  {
    options_.waiting_max = 0;
    FetchedKeys keys(fetch_, options_, [this] { return now_; });
    for (int i = 0; i < 20; ++i) {
      client_.jwks_url = "https://slow.example/" + std::to_string(i);
      EXPECT_FALSE(keys.keys(client_, kid_));
    }
  }
  SUCCEED() << "the fetches were asked to stop";
}

TEST_F(FetchedKeysTest, A04InlineKeysAreNotFetched) {
  client_.jwks = jose::JwkSet::parse(answer_->body).value();
  client_.jwks_url.clear();
  EXPECT_TRUE(has(kid_));
  EXPECT_EQ(fetches_, 0);
}

}  // namespace
}  // namespace sluice::smart
