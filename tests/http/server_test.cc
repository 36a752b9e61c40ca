// The server over real sockets: one request after the other on a connection.
#include <gtest/gtest.h>

#include <thread>

#include "raw_client.h"

namespace sluice::http {
namespace {

constexpr std::string_view kGet = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_F(ServerTest, AnswersWithTheFieldsOfAServer) {
  start();
  RawClient client(port());
  const Answer answer = client.ask(kGet);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.header("Content-Length"), "5");
  EXPECT_EQ(answer.header("Content-Type"), "text/plain");
  EXPECT_EQ(answer.header("Server"), "Sluice");
  EXPECT_TRUE(answer.header("Date").ends_with(" GMT"));
  EXPECT_EQ(answer.header("X-Request-Id").size(), 16u);
  EXPECT_EQ(answer.header("Connection"), "");
}

TEST_F(ServerTest, KeepsTheConnectionOpenBetweenRequests) {
  start();
  RawClient client(port());
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.ask(kGet).body, "hello");
  EXPECT_EQ(server_->connections(), 1u);
  EXPECT_EQ(records(100).size(), 100u);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  RawClient client(port());
  client.send(
      "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
      "GET /where/x HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.read().body, "hello");
  EXPECT_EQ(client.read().body, "POST 3 abc");
  const Answer last = client.read();
  EXPECT_TRUE(last.body.starts_with("http://b 127.0.0.1")) << last.body;
  EXPECT_EQ(last.header("Connection"), "close");
  EXPECT_TRUE(client.sees_close());
}

TEST_F(ServerTest, ReadsARequestThatArrivesByteByByte) {
  start();
  RawClient client(port());
  const std::string request =
      "\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\n\r\n";
  for (const char c : request) {
    client.send(std::string_view(&c, 1));
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  EXPECT_EQ(client.read().body, "POST 3 abc");
}

TEST_F(ServerTest, AnswersHeadWithTheFieldsOfGetAndNoBody) {
  start();
  RawClient client(port());
  const Answer head = client.ask("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n", true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("Content-Length"), "5");
  const Answer file = client.ask("HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n", true);
  EXPECT_EQ(file.header("Content-Length"), "3000000");
  EXPECT_EQ(file.header("Accept-Ranges"), "bytes");
  // Nothing but heads was sent: the next answer follows at once.
  EXPECT_EQ(client.ask("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n", true).status, 200);
  EXPECT_EQ(client.ask(kGet).body, "hello");
}

TEST_F(ServerTest, SendsNoBodyWith204) {
  start();
  RawClient client(port());
  const Answer answer = client.ask("GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("Content-Length"), "");
  EXPECT_EQ(client.ask(kGet).body, "hello");
}

TEST_F(ServerTest, ClosesAfterHttp10AndKeepsAliveOnRequest) {
  start();
  RawClient once(port());
  const Answer answer = once.ask("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_TRUE(once.sees_close());

  RawClient twice(port());
  const Answer first = twice.ask("GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
  EXPECT_EQ(first.header("Connection"), "keep-alive");
  EXPECT_EQ(twice.ask(kGet).body, "hello");
}

TEST_F(ServerTest, TakesAChunkedUpload) {
  start();
  RawClient client(port());
  const Answer answer = client.ask(
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "5;name=value\r\nhello\r\n1\r\n,\r\n6\r\n world\r\n0\r\nAuthorization: forged\r\n\r\n");
  EXPECT_EQ(answer.body, "POST 12 hello, world");
  EXPECT_EQ(client.ask(kGet).body, "hello");
}

TEST_F(ServerTest, TakesALargeUpload) {
  start();
  RawClient client(port());
  const std::string body(5'000'000, 'u');
  std::thread sender([&] {
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n");
    client.send(body);
  });
  const Answer answer = client.read();
  sender.join();
  EXPECT_EQ(answer.body, "POST 5000000 " + body);
}

TEST_F(ServerTest, AsksForTheBodyWhenAClientExpectsIt) {
  start();
  RawClient client(port());
  const Answer interim = client.ask(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n");
  EXPECT_EQ(interim.status, 100);
  EXPECT_EQ(client.ask("ok").body, "POST 2 ok");
  EXPECT_EQ(client.ask("GET /hello HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n").status, 417);
}

TEST_F(ServerTest, RefusesAnExpectedBodyThatIsTooLargeBeforeItIsSent) {
  ServerOptions options;
  options.body_size_max = 10;
  start(options);
  RawClient client(port());
  const Answer answer = client.ask(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(answer.status, 413);
  EXPECT_TRUE(client.sees_close());
}

TEST_F(ServerTest, PassesRouterErrorsOn) {
  start();
  RawClient client(port());
  EXPECT_EQ(client.ask("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n").status, 404);
  const Answer wrong = client.ask("DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.header("Allow"), "GET, HEAD, OPTIONS");
  const Answer star = client.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(star.status, 204);
  EXPECT_NE(star.header("Allow"), "");
}

TEST_F(ServerTest, KeepsAGoodRequestIdAndReplacesABadOne) {
  start();
  RawClient client(port());
  const auto id_for = [&](const std::string& id) {
    return client.ask("GET /hello HTTP/1.1\r\nHost: a\r\nX-Request-Id: " + id + "\r\n\r\n")
        .header("X-Request-Id");
  };
  EXPECT_EQ(id_for("abc-1_2.3"), "abc-1_2.3");
  EXPECT_EQ(id_for(std::string(64, 'a')), std::string(64, 'a'));
  EXPECT_NE(id_for(std::string(65, 'a')), std::string(65, 'a'));
  EXPECT_NE(id_for("a b"), "a b");
  EXPECT_NE(id_for("a\"b"), "a\"b");
}

TEST_F(ServerTest, RecordsWhatHappened) {
  start();
  RawClient client(port());
  client.ask("GET /where/secret HTTP/1.1\r\nHost: a\r\nX-Request-Id: r1\r\n\r\n");
  client.ask("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n", true);
  client.ask("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
  client.ask("GET /hello HTTP/3.0\r\nHost: a\r\n\r\n");
  const auto all = records(4);
  EXPECT_EQ(all[0].id, "r1");
  EXPECT_EQ(all[0].method, "GET");
  EXPECT_EQ(all[0].route, "where");
  EXPECT_EQ(all[0].status, 200);
  EXPECT_GT(all[0].bytes_sent, 10u);
  EXPECT_EQ(all[0].peer_address, "127.0.0.1");
  EXPECT_FALSE(all[0].aborted);
  EXPECT_EQ(all[1].bytes_sent, 0u);
  EXPECT_EQ(all[2].route, "unmatched");
  EXPECT_EQ(all[2].status, 404);
  EXPECT_EQ(all[3].route, "refused");
  EXPECT_EQ(all[3].status, 505);
}

TEST_F(ServerTest, ServesManyClientsAtOnce) {
  start();
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 64; ++i) {
    clients.emplace_back([&, i] {
      RawClient client(port());
      const std::string body(static_cast<std::size_t>(i) * 100, 'b');
      for (int n = 0; n < 20; ++n) {
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n\r\n" + body);
        if (client.read().body == "POST " + std::to_string(body.size()) + " " + body) ++good;
      }
      if (client.ask("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n").body.size() == 3'000'000) ++good;
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(good, 64 * 21);
  EXPECT_TRUE(wait_for_connections(0));
}

TEST_F(ServerTest, SaysWhichAddressIsTaken) {
  start();
  ServerOptions options;
  options.port = port();
  Server second(options, router_, *pool_, nullptr);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, ErrorKind::kStorage);
  EXPECT_EQ(started.error().message, "cannot listen on 127.0.0.1:" + std::to_string(port()));
}

TEST_F(ServerTest, SaysThatItIsOverloadedWhenThePoolIsFull) {
  start({}, 1, 1);
  RawClient running(port());
  running.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_slow(1);
  // Of these two one is queued and the other is refused: the one that hears something.
  RawClient one(port());
  RawClient other(port());
  one.send(kGet);
  other.send(kGet);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  bool is_one = false;
  while (!(is_one = one.hears()) && !other.hears())
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  RawClient& refused = is_one ? one : other;
  RawClient& queued = is_one ? other : one;
  const Answer answer = refused.read();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("Retry-After"), "1");
  EXPECT_EQ(answer.body, "unavailable: too many requests at once");
  release();
  EXPECT_EQ(running.read().body, "slow");
  EXPECT_EQ(queued.read().body, "hello");
  EXPECT_EQ(refused.ask(kGet).body, "hello");
}

}  // namespace
}  // namespace sluice::http
