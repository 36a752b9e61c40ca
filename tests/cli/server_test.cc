// The whole server, wired as `sluice serve` wires it, without a process of its own.
#include "cli/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>
#include <variant>

#include "fetch/fetch.h"
#include "temporary_folder.h"
#include "test_clocks.h"

namespace sluice::cli {
namespace {

using ::testing::HasSubstr;

class ServerTest : public testing::Test {
 protected:
  ServerOptions options(const std::string& data = "data") const {
    ServerOptions made;
    made.data = folder_ / data;
    made.open = true;
    made.engine.worker_nice = 0;
    return made;
  }
  std::unique_ptr<Server> open(ServerOptions made) {
    auto server = Server::open(std::move(made), clock_);
    EXPECT_TRUE(server) << server.error().message;
    return std::move(*server);
  }
  /// What the server answers, asked past HTTP.
  static http::Response ask(const Server& server, const std::string& path,
                            const http::NameValues& headers = {}) {
    http::Request request;
    request.method = "GET";
    request.target = request.path = path;
    request.origin = server.origin();
    for (std::size_t begin = 1; begin <= path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      request.segments.push_back(path.substr(begin, end - begin));
      begin = end + 1;
    }
    for (const auto& [name, value] : headers) request.headers.set(name, value);
    std::string route;
    return server.router().dispatch(request, route);
  }
  static std::string text(const http::Response& response) {
    return std::get<std::string>(response.body);
  }
  static std::string fetched(const Server& server, const std::string& path) {
    client::FetchOptions to_loopback;
    to_loopback.allow_private = true;
    const auto got = client::fetch(server.origin() + path, to_loopback);
    EXPECT_TRUE(got) << got.error().message;
    return got ? got->body : std::string();
  }
  static bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 60'000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  const TemporaryFolder folder_;
  ShiftedClock clock_;
};

TEST_F(ServerTest, AnswersByHttpAndCountsEachRequest) {
  const auto server = open(options());
  ASSERT_TRUE(server->start());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(fetched(*server, "/healthz"), "ok\n");
  // A request is counted when its answer has been sent.
  EXPECT_TRUE(eventually([&] {
    return server->metrics().text().find(
               "sluice_http_request_seconds_count{route=\"healthz\"} 3\n") != std::string::npos;
  }));
  EXPECT_THAT(fetched(*server, "/metrics"), HasSubstr("sluice_store_transactions_total 0\n"));
  server->stop();
  server->stop();
}

TEST_F(ServerTest, TellsItsHealthAtAnAddressOfItsOwn) {
  auto with_health = options();
  with_health.health_address = Address{"127.0.0.1", 0};
  const auto server = open(with_health);
  ASSERT_TRUE(server->start());
  client::FetchOptions to_loopback;
  to_loopback.allow_private = true;
  const std::string root = "http://127.0.0.1:" + std::to_string(server->health_port().value());
  EXPECT_EQ(client::fetch(root + "/healthz", to_loopback).value().body, "ok\n");
  EXPECT_FALSE(client::fetch(root + "/metrics", to_loopback));
}

TEST_F(ServerTest, DoesAnExportFromKickOffToManifest) {
  const auto server = open(options());
  ASSERT_TRUE(server->start());
  const auto kick_off = ask(*server, "/fhir/$export", {{"Prefer", "respond-async"}});
  ASSERT_EQ(kick_off.status, 202) << text(kick_off);
  const std::string url(kick_off.headers.get("Content-Location").value());
  ASSERT_TRUE(url.starts_with(server->origin() + "/fhir/jobs/")) << url;
  const std::string id = url.substr(url.rfind('/') + 1);
  ASSERT_TRUE(eventually([&] {
    const auto view = server->engine().view(id);
    return view && view->job.state == job::JobState::kDone;
  }));
  EXPECT_EQ(ask(*server, "/fhir/jobs/" + id).status, 200);
  EXPECT_THAT(server->metrics().text(),
              HasSubstr("sluice_job_seconds_count{kind=\"export\",state=\"done\"} 1\n"));
}

TEST_F(ServerTest, AsksForATokenUnlessItIsOpen) {
  EXPECT_EQ(ask(*open(options("open")), "/fhir/Patient/p").status, 404);
  auto guarded = options("guarded");
  guarded.open = false;
  const auto server = open(guarded);
  EXPECT_EQ(ask(*server, "/fhir/Patient/p").status, 401);
  const auto metrics = ask(*server, "/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_EQ(text(metrics).find("sluice_store"), std::string::npos);
}

TEST_F(ServerTest, HasItsDataFolderAlone) {
  auto first = open(options());
  const auto second = Server::open(options(), clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  first.reset();
  EXPECT_TRUE(Server::open(options(), clock_));
}

TEST_F(ServerTest, LeavesItsDataFolderWhenAnAddressIsTaken) {
  const auto first = open(options());
  auto taken = options("other");
  const std::string origin = first->origin();
  taken.address.port = static_cast<std::uint16_t>(std::stoi(origin.substr(origin.rfind(':') + 1)));
  const auto second = Server::open(taken, clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kStorage);
  EXPECT_TRUE(Server::open(options("other"), clock_));
}

TEST_F(ServerTest, SaysWhenCommitsRunAheadOfTheClockAndStaysReady) {
  const auto server = open(options());
  const auto body = [&] {
    const auto response = ask(*server, "/readyz");
    EXPECT_EQ(response.status, 200);
    return text(response);
  };
  const auto commit = [&] { return server->store().write({}).value().commit.instant; };
  commit();
  EXPECT_EQ(body(), "ready\n");
  // Forty days ahead, and back.
  constexpr std::int64_t kFortyDays = std::int64_t{40} * 24 * 3600 * 1000;
  clock_.shift = kFortyDays;
  const Instant ahead = commit();
  EXPECT_EQ(body(), "ready\n") << "as far as anybody here can know";
  clock_.shift = 0;
  EXPECT_GE(commit(), ahead);
  // 40 days are 3,456,000 s, and some milliseconds may have passed since the commit.
  const std::string told = body();
  EXPECT_TRUE(told.starts_with("ready\nclock behind: the newest commit is 3456000 s ") ||
              told.starts_with("ready\nclock behind: the newest commit is 34559"))
      << told;
  clock_.shift = kFortyDays - 59'000;
  EXPECT_EQ(body(), "ready\n") << "a minute is not worth a word";
}

}  // namespace
}  // namespace sluice::cli
