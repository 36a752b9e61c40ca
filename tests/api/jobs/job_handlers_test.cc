// A kind of job that is nowhere but in the table has its routes, status, deletion, report and
// audit: nothing else in the server needs to know of it.
#include "api/jobs/job_handlers.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <sstream>
#include <thread>

#include "api/core/authorization.h"
#include "api/core/fhir_response.h"
#include "api/jobs/export_file.h"
#include "api/jobs/export_handler.h"
#include "api/jobs/job_kickoff.h"
#include "api/jobs/job_report.h"
#include "api/jobs/job_status.h"
#include "api/routes/metrics.h"
#include "api/routes/readiness.h"
#include "api/routes/routes.h"
#include "base/file.h"
#include "base/metrics.h"
#include "http/router.h"
#include "smart/fetched_keys.h"
#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"

namespace sluice::api {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A census counts what its request names: two shards, which wait until the test lets them.
struct CensusRequest {
  std::string what;
};

Result<CensusRequest> parse_census(std::string_view text) {
  if (!text.starts_with("count ")) return corrupt("a stored census cannot be read");
  return CensusRequest{std::string(text.substr(6))};
}

Result<std::shared_ptr<const CensusRequest>> census_request_of(const job::Job& job) {
  return job.request.read<CensusRequest>({.parse = parse_census});
}

class CensusJobs final : public job::JobKind {
 public:
  std::string_view name() const override { return "census"; }
  bool reads_snapshot() const override { return false; }
  Result<std::optional<std::vector<job::ShardPlan>>> plan(const job::Job& job,
                                                          const std::stop_token&) override {
    if (job.phase > 0) return std::optional<std::vector<job::ShardPlan>>();
    return std::optional(std::vector<job::ShardPlan>{{"north", 30}, {"south", 10}});
  }
  Result<std::string> run(const job::Job& job, const job::Shard& shard,
                          const job::ShardContext& context) override {
    SLUICE_ASSIGN_OR_RETURN(const auto request, census_request_of(job));
    if (request->what == "the impossible") return invalid("it cannot be counted");
    std::unique_lock lock(mutex_);
    changed_.wait(lock, context.stop, [&] { return is_open_ || shard.number == 0; });
    if (context.stop.stop_requested()) return Error{ErrorKind::kCancelled, "stopped"};
    return "7";
  }
  void discard(std::string_view) override {}
  bool in_use(std::string_view) override { return false; }
  std::vector<std::string> leftovers() override { return {}; }

  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool is_open_ = false;
};

http::Response census_kickoff(Service& service, const http::Request& request,
                              const Principal& principal) {
  const auto job = start_job(
      service, request, principal,
      {.kind = "census",
       .authorize = {},
       .request = [&](const store::Commit&) { return Result<std::string>(request.body); },
       .event = {.kind = smart::AuditKind::kKickOff, .request = "http://here/fhir/$census"}});
  if (!job) return request_error(request, job.error());
  return accepted("The census was accepted", "http://here/fhir", *job, false);
}

class CensusHandler final : public JobHandler {
 public:
  std::string_view name() const override { return "census"; }
  JobWords words() const override {
    return {
        .failed = "The census failed", .progress = "counted", .deleted = "The census is forgotten"};
  }
  std::vector<JobRoute> routes() const override {
    return {{"POST", "/fhir/$census", "census", census_kickoff}};
  }
  Result<JobTraits> traits(const job::Job& job) const override {
    SLUICE_RETURN_IF_ERROR(census_request_of(job));
    return JobTraits();
  }
  Result<void> authorize(const Principal&, const job::Job& job) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto request, census_request_of(job));
    if (request->what == "secrets") return Error{ErrorKind::kForbidden, "not for this client"};
    return {};
  }
  Result<http::Response> result(const Service& service, const http::Request&, const Principal&,
                                const job::JobView& view) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto request, census_request_of(view.job));
    SLUICE_ASSIGN_OR_RETURN(const auto shards, service.engine.shards(view.job.id, {}, 10));
    int sum = 0;
    for (const auto& shard : shards) sum += std::stoi(shard.result);
    http::Response response;
    response.body = fmt::format("{} {}", sum, request->what);
    return response;
  }
  Result<void> report_request(const job::Job& job, json::object& report) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto request, census_request_of(job));
    report["counts"] = request->what;
    return {};
  }
  Result<std::vector<PlanPart>> plan_parts(const job::Shard& shard) const override {
    return std::vector<PlanPart>{{.read = "count", .type = shard.spec, .estimates = "cheap"}};
  }
};

class JobHandlersTest : public testing::Test {
 protected:
  void SetUp() override {
    service_.job_handlers = &table_;
    add_routes(router_, service_, metrics_, readiness_);
    ASSERT_TRUE(engine_.start());
  }

  http::Response ask(std::string method, std::string path, std::string body = {}) const {
    http::Request request;
    request.method = std::move(method);
    request.path = request.target = path;
    request.origin = "http://here";
    request.body = std::move(body);
    for (std::size_t begin = 1; begin <= path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      request.segments.push_back(path.substr(begin, end - begin));
      begin = end + 1;
    }
    std::string route;
    return router_.dispatch(request, route);
  }

  std::string kick_off(const std::string& what) const {
    const auto response = ask("POST", "/fhir/$census", "count " + what);
    EXPECT_EQ(response.status, 202);
    const std::string location(response.headers.get("Content-Location").value_or(""));
    EXPECT_THAT(location, StartsWith("http://here/fhir/jobs/"));
    return location.substr(location.rfind('/') + 1);
  }

  http::Response status(const std::string& id) const { return ask("GET", "/fhir/jobs/" + id); }

  static std::string text(const http::Response& response) {
    return std::get<std::string>(response.body);
  }

  // Polls until the status is no longer this one.
  http::Response wait_while(int running, const std::string& id) const {
    for (int i = 0; i < 60'000; ++i) {
      auto response = status(id);
      if (response.status != running) return response;
      std::this_thread::sleep_for(10ms);
    }
    ADD_FAILURE() << "the job did not end";
    return {};
  }

  json::object report(const std::string& id) const {
    return report_jobs(*store_, id, table_)->at("jobs").at(0).as_object();
  }

  static ServiceOptions patient_options() {
    ServiceOptions options;
    options.poll_burst = 1'000'000;
    return options;
  }

  TemporaryFolder folder_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ =
      store::open_rocksdb_store(folder_.path() / "store", clock_).value();
  std::unique_ptr<output::FileStore> files_ =
      output::open_local_file_store(folder_.path() / "files").value();
  CensusJobs jobs_;
  job::EngineOptions engine_options_{.workers = 2, .attempts_max = 1};
  job::Engine engine_{*store_, clock_, jobs_, engine_options_};
  CensusHandler census_;
  const JobHandlers table_{{&export_handler(), &census_}};
  Service service_{*store_, *files_, engine_, clock_, patient_options()};
  http::Router router_{error_responder()};
  const ServerMetrics metrics_;
  const Readiness readiness_{[] { return std::string(); }, {}};
};

TEST_F(JobHandlersTest, AKindIsKickedOffPolledAndDeletedByItsEntry) {
  const std::string id = kick_off("heads");
  for (int i = 0; i < 60'000 && status(id).headers.combined("X-Progress") != "75% counted"; ++i)
    std::this_thread::sleep_for(10ms);
  EXPECT_EQ(status(id).headers.combined("X-Progress"), "75% counted");
  EXPECT_TRUE(status(id).headers.get("Retry-After"));
  jobs_.open();
  const auto done = wait_while(202, id);
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(text(done), "14 heads");
  EXPECT_TRUE(done.headers.get("Expires"));
  EXPECT_THAT(engine_options_.metrics->text(),
              HasSubstr("sluice_job_seconds_count{kind=\"census\",state=\"done\"} 1"));
  EXPECT_EQ(ask("GET", "/fhir/jobs/" + id + "/files/x.ndjson").status, 404);
  EXPECT_EQ(ask("GET", "/fhir/jobs/" + id + "/manifest/1-0-1-0").status, 404) << "of exports only";
  EXPECT_EQ(ask("GET", "/fhir/jobs/" + id + "/Binary/b").status, 404) << "of exports only";
  EXPECT_EQ(engine_.view(id)->job.request.reads(), 1u) << "by its shards and all these requests";
  const auto deleted = ask("DELETE", "/fhir/jobs/" + id);
  EXPECT_EQ(deleted.status, 202);
  EXPECT_THAT(text(deleted), HasSubstr("The census is forgotten"));
  EXPECT_EQ(status(id).status, 404);
}

TEST_F(JobHandlersTest, S03AFailureIsToldInTheWordsOfTheKind) {
  const auto failed = wait_while(202, kick_off("the impossible"));
  EXPECT_EQ(failed.status, 500);
  EXPECT_THAT(text(failed), HasSubstr("The census failed: it cannot be counted"));
}

TEST_F(JobHandlersTest, A07TheKindDecidesWhoMaySeeItsJobs) {
  const std::string id = kick_off("secrets");
  for (const char* method : {"GET", "DELETE"}) {
    const auto refused = ask(method, "/fhir/jobs/" + id);
    EXPECT_EQ(refused.status, 403);
    EXPECT_THAT(text(refused), HasSubstr("not for this client"));
  }
}

TEST_F(JobHandlersTest, TheReportTellsWhatTheKindTells) {
  jobs_.open();
  const std::string id = kick_off("heads");
  EXPECT_EQ(wait_while(202, id).status, 200);
  const json::object told = report(id);
  EXPECT_EQ(told.at("kind"), "census");
  EXPECT_EQ(told.at("counts"), "heads");
  EXPECT_EQ(told.at("shards"), 2);
  EXPECT_EQ(told.at("plan"), json::parse(R"([{"phase":0,"read":"count","parts":1,"type":"north",
                             "estimates":"cheap"},
                            {"phase":0,"read":"count","parts":1,"type":"south",
                             "estimates":"cheap"}])"));
}

// R-03: a downgrade leaves jobs of kinds that are not known any more.
TEST_F(JobHandlersTest, R03AJobWithoutAnEntryIsToldOfAndCanBeDeleted) {
  jobs_.open();
  const std::string id = kick_off("heads");
  EXPECT_EQ(wait_while(202, id).status, 200);
  const JobHandlers others({&export_handler()});
  service_.job_handlers = &others;
  const auto lost = status(id);
  EXPECT_EQ(lost.status, 500);
  EXPECT_THAT(text(lost), HasSubstr("a stored job cannot be read"));
  EXPECT_EQ(report_jobs(*store_, id, others)->at("jobs").at(0).at("kind"), "census");
  EXPECT_THAT(text(ask("DELETE", "/fhir/jobs/" + id)), HasSubstr("The job is deleted"));
  EXPECT_EQ(status(id).status, 404);
}

TEST_F(JobHandlersTest, A12WhatIsDoneWithAJobIsAuditedWhateverItsKind) {
  AuthorizationOptions options;
  options.base_url = "http://here/fhir";
  options.audit_folder = folder_.path() / "audit";
  auto keys = std::make_unique<smart::FetchedKeys>(
      [](const std::string&, const std::stop_token&) -> Result<smart::FetchedJwks> {
        return not_found("no keys here");
      });
  const auto authorization = Authorization::open(*store_, clock_, std::move(keys), options).value();
  service_.authorization = authorization.get();
  jobs_.open();
  const Principal us{"us"};
  http::Request request;
  request.method = "POST";
  request.body = "count heads";
  ASSERT_EQ(census_kickoff(service_, request, us).status, 202);
  request.path_parameters = {
      {"id", report_jobs(*store_, {}, table_)->at("jobs").at(0).at("id").as_string().c_str()}};
  EXPECT_NE(job_status(service_, request, us).status, 404);
  EXPECT_EQ(job_status(service_, request, {"them"}).status, 404);
  EXPECT_EQ(job_delete(service_, request, us).status, 202);
  service_.authorization = nullptr;
  std::vector<std::string> told;
  std::string line;
  for (const auto& file : std::filesystem::directory_iterator(options.audit_folder))
    for (std::istringstream lines(read_file(file.path()).value()); std::getline(lines, line);) {
      const auto event = json::parse(line).as_object();
      told.push_back(fmt::format("{} {}", event.at("subtype").at(0).at("code").as_string().c_str(),
                                 event.at("outcome").as_string().c_str()));
    }
  EXPECT_THAT(told, ElementsAre("kick-off 0", "status 0", "status 8", "delete 0"));
}

TEST(JobHandlers, EveryKindThatIsStoredHasItsEntry) {
  for (const char* kind : {"export", "sql-export", "import", "cohort"}) {
    const auto* handler = job_handlers().find(kind);
    ASSERT_NE(handler, nullptr) << kind;
    EXPECT_EQ(handler->name(), kind);
  }
  EXPECT_EQ(job_handlers().find("lost"), nullptr);
  EXPECT_EQ(job_handlers().all().size(), 4u);
}

}  // namespace
}  // namespace sluice::api
