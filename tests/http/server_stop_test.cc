// Shutting down while connections are in every state.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "raw_client.h"

namespace sluice::http {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST_F(ServerTest, StopsAtOnceWithIdleConnections) {
  start();
  RawClient fresh(port());
  RawClient used(port());
  used.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(wait_for_connections(2));
  const auto begun = Clock::now();
  server_->stop();
  EXPECT_LT(Clock::now() - begun, ServerOptions().shutdown_timeout);
  EXPECT_TRUE(fresh.sees_close());
  EXPECT_TRUE(used.sees_close());
  EXPECT_EQ(server_->connections(), 0u);
  server_->stop();
}

TEST_F(ServerTest, FinishesTheRequestUnderWayWhenItStops) {
  ServerOptions options;
  options.socket_threads = 1;
  start(options);
  RawClient idle(port());
  idle.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  RawClient client(port());
  client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_slow(1);
  std::thread stopper([&] { server_->stop(); });
  wait_until_closed();
  RawClient late(port());
  // The thread of both has told all its connections then.
  EXPECT_TRUE(idle.sees_close());
  release();
  const Answer answer = client.read();
  EXPECT_EQ(answer.body, "slow");
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_TRUE(client.sees_close());
  EXPECT_EQ(late.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").status, 0);
  stopper.join();
}

TEST_F(ServerTest, FinishesADownloadWhenItStops) {
  start();
  RawClient client(port(), 8192);
  client.send("GET /big-file HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string beginning = client.receive(1000);
  std::thread stopper([&] { server_->stop(); });
  wait_until_closed();
  std::size_t received = beginning.size();
  while (const std::size_t size = client.receive(1'000'000).size()) received += size;
  EXPECT_GT(received, kBigFileSize);
  stopper.join();
  EXPECT_FALSE(records(1)[0].aborted);
}

TEST_F(ServerTest, CutsWhatDoesNotFinishInTime) {
  ServerOptions options;
  options.shutdown_timeout = 200ms;
  start(options);
  RawClient file(port(), 8192);
  file.send("GET /big-file HTTP/1.1\r\nHost: a\r\n\r\n");
  file.receive(1000);
  RawClient stream(port(), 8192);
  stream.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
  stream.receive(1000);
  RawClient half(port());
  half.send("GET /hello HTTP/1.1\r\nHo");
  const auto begun = Clock::now();
  server_->stop();
  EXPECT_GE(Clock::now() - begun, 200ms);
  EXPECT_LT(Clock::now() - begun, 60s);
  for (const auto& record : records(2)) EXPECT_TRUE(record.aborted);
}

TEST_F(ServerTest, WaitsForAHandlerEvenAfterTheTimeOut) {
  ServerOptions options;
  options.shutdown_timeout = 50ms;
  start(options);
  RawClient client(port());
  client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_slow(1);
  RawClient stream(port());
  stream.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
  stream.receive(1000);
  std::atomic<bool> stopped{false};
  std::thread stopper([&] {
    server_->stop();
    stopped = true;
  });
  while (!stream.receive(1'000'000).empty()) {  // until the time-out cuts it
  }
  EXPECT_FALSE(stopped);
  release();
  stopper.join();
  for (const auto& record : records(2)) EXPECT_TRUE(record.aborted) << record.route;
}

TEST_F(ServerTest, StopsWithoutEverHavingStarted) {
  WorkerPool pool({.threads = 1});
  Server server({}, router_, pool, nullptr);
  server.stop();
}

TEST_F(ServerTest, StopsUnderFire) {
  start();
  std::atomic<bool> over{false};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&, port = port()] {
      while (!over) {
        RawClient client(port);
        if (client.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)
          client.ask("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
      }
    });
  }
  records(50);
  server_.reset();
  over = true;
  for (auto& client : clients) client.join();
}

}  // namespace
}  // namespace sluice::http
