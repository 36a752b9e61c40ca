// The status endpoint in states that are hard to reach from outside: a failed job, others' jobs,
// and a manifest of 100,000 files (S-03, S-05, K-04, M-02, M-06, M-07).
#include "api/jobs/job_status.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "api/jobs/export_attachment.h"
#include "api/jobs/export_file.h"
#include "api/jobs/export_handler.h"
#include "base/bytes.h"
#include "bulk/export/manifest/manifest_pages.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/export_request.h"
#include "bulk/export/request/stored_export.h"
#include "store/rocksdb/rocksdb_store.h"

namespace sluice::api {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

// One phase of so many shards, each answered by a function.
class ScriptedKind final : public job::JobKind {
 public:
  std::string_view name() const override { return "export"; }
  bool reads_snapshot() const override { return true; }
  Result<std::optional<std::vector<job::ShardPlan>>> plan(const job::Job& job,
                                                          const std::stop_token&) override {
    if (job.phase > 0) return std::optional<std::vector<job::ShardPlan>>();
    return std::optional(std::vector<job::ShardPlan>(shards));
  }
  Result<std::string> run(const job::Job&, const job::Shard& shard,
                          const job::ShardContext&) override {
    return answer(shard);
  }
  void discard(std::string_view) override {}
  bool in_use(std::string_view) override { return false; }
  std::vector<std::string> leftovers() override { return {}; }

  std::size_t shards = 1;
  std::function<Result<std::string>(const job::Shard&)> answer;
};

class ExportStatusTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("sluice-status-" + random_hex(8));
    store_ = store::open_rocksdb_store(folder_, clock_).value();
    files_ = output::open_local_file_store(folder_ / "files").value();
    options_.attempts_max = 1;
  }
  void TearDown() override {
    engine_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  /// The id of a job of client "us" that has been submitted.
  std::string submit(bulk::ExportRequest request = {}) {
    engine_ = std::make_unique<job::Engine>(*store_, clock_, kind_, options_);
    EXPECT_TRUE(engine_->start());
    service_ = std::make_unique<Service>(*store_, *files_, *engine_, clock_, ServiceOptions{});
    request.url = "http://here/fhir/$export?_type=Patient";
    request.base_url = "http://here/fhir";
    const auto job =
        engine_->submit("us", [&](auto) { return Result<std::string>(bulk::serialize(request)); });
    EXPECT_TRUE(job);
    return job->id;
  }

  /// The id of a job of client "us" that has ended.
  std::string run(const bulk::ExportRequest& request = {}) {
    std::string id = submit(request);
    wait(id);
    return id;
  }

  void wait(const std::string& id) {
    for (int i = 0; i < 60'000; ++i) {
      if (engine_->view(id)->job.state != job::JobState::kRunning) return;
      std::this_thread::sleep_for(10ms);
    }
    ADD_FAILURE() << "the job did not end";
  }

  /// Where the page at a link is asked for.
  static http::Request asking_for_page(const std::string& id, std::string_view link) {
    http::Request request = asking(id);
    request.path_parameters.push_back({"page", std::string(link.substr(link.rfind('/') + 1))});
    return request;
  }

  static json::object manifest_of(const http::Response& response) {
    return json::parse(std::get<std::string>(response.body)).as_object();
  }

  static http::Request asking(const std::string& id) {
    http::Request request;
    request.method = "GET";
    request.path_parameters = {{"id", id}};
    return request;
  }

  std::filesystem::path folder_;
  SystemClock clock_;
  ScriptedKind kind_;
  job::EngineOptions options_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<output::FileStore> files_;
  std::unique_ptr<job::Engine> engine_;
  std::unique_ptr<Service> service_;
};

TEST_F(ExportStatusTest, S03AFailedJobIsA500WithAnOperationOutcome) {
  kind_.answer = [](const auto&) {
    return Error{ErrorKind::kStorage, "the disk is full", "/data/files"};
  };
  const std::string id = run();  // first: it makes the service
  const auto response = job_status(*service_, asking(id), {"us"});
  EXPECT_EQ(response.status, 500);
  const auto& body = std::get<std::string>(response.body);
  EXPECT_NE(body.find("OperationOutcome"), std::string::npos);
  EXPECT_NE(body.find("the disk is full"), std::string::npos);
  EXPECT_EQ(body.find("/data/files"), std::string::npos);
  EXPECT_EQ(body.find("transient"), std::string::npos) << "asking again does not help";
}

TEST_F(ExportStatusTest, S03K04AFailedJobApartFromThePolling) {
  kind_.answer = [](const auto&) { return Error{ErrorKind::kStorage, "the disk is full"}; };
  bulk::ExportRequest request;
  request.separate_export_status = true;
  const std::string id = run(request);  // first: it makes the service
  const auto response = job_status(*service_, asking(id), {"us"});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.get("X-Export-Status"), "500 Internal Server Error");
}

// R-03: the request in the document cannot be read; the job is its owner's to look at and delete.
TEST_F(ExportStatusTest, R03AJobWhoseRequestCannotBeReadIsA500AndCanBeDeleted) {
  kind_.answer = [](const auto&) { return bulk::serialize(bulk::ShardResult{}); };
  run();  // makes the service
  const auto job = engine_->submit("us", [](auto) { return Result<std::string>("\xff{"); });
  ASSERT_TRUE(job);
  wait(job->id);
  const auto response = job_status(*service_, asking(job->id), {"us"});
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(json::parse(std::get<std::string>(response.body)).at("resourceType"),
            "OperationOutcome");
  EXPECT_EQ(export_page(*service_, asking_for_page(job->id, "/1"), {"us"}).status, 500);
  auto file = asking(job->id);
  file.path_parameters.push_back({"name", "Patient-0-00000-000.ndjson"});
  EXPECT_EQ(export_file(*service_, file, {"us"}).status, 500);
  EXPECT_EQ(export_attachment(*service_, file, {"us"}).status, 500);
  EXPECT_EQ(job_status(*service_, asking(job->id), {"them"}).status, 404);
  EXPECT_EQ(job_delete(*service_, asking(job->id), {"us"}).status, 202);
  EXPECT_EQ(job_status(*service_, asking(job->id), {"us"}).status, 404);
}

// R-01: a hundred thousand patients and filters of as many values are read once, not at each poll.
TEST_F(ExportStatusTest, R01ARequestIsReadOnceHoweverOftenItsJobIsPolled) {
  kind_.answer = [](const auto&) { return bulk::serialize(bulk::ShardResult{}); };
  bulk::ExportRequest request;
  request.patients.emplace();
  for (int i = 0; i < 100'000; ++i) request.patients->push_back(fmt::format("p{:06}", i));
  std::string values;
  for (int i = 0; i < 10'000; ++i) values += fmt::format(",code-{}", i);
  request.type_filters = {{fhir::types::kPatient, "_id=x" + values}};
  const std::string id = run(request);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(job_status(*service_, asking(id), {"us"}).status, 200);
    EXPECT_EQ(export_file(*service_, asking(id), {"us"}).status, 404);
    EXPECT_EQ(job_status(*service_, asking(id), {"them"}).status, 404);
  }
  EXPECT_EQ(engine_->view(id)->job.request.reads(), 1u);
  EXPECT_EQ(job_delete(*service_, asking(id), {"us"}).status, 202);
}

// What is waited for is shown to who polls, in less than 100 characters.
TEST_F(ExportStatusTest, S02AJobThatWaitsForRoomSaysSo) {
  kind_.answer = [](const auto&) {
    return Error{ErrorKind::kStorage, "the disk is full", "no room", 10s};
  };
  const std::string id = submit();
  std::string progress;
  for (int i = 0; i < 3000 && progress.find("waiting") == std::string::npos; ++i) {
    progress = job_status(*service_, asking(id), {"us"}).headers.combined("X-Progress");
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(progress, "0% exported, waiting: the disk is full");
  job::JobView view;
  view.waits_for = std::string(200, 'x');
  EXPECT_EQ(progress_text(view, "0% exported").size(), 99u);
}

TEST_F(ExportStatusTest, S05OthersJobsDoNotExist) {
  kind_.answer = [](const auto&) { return bulk::serialize(bulk::ShardResult{}); };
  const std::string id = run();
  EXPECT_EQ(job_status(*service_, asking(id), {"them"}).status, 404);
  EXPECT_EQ(job_delete(*service_, asking(id), {"them"}).status, 404);
  EXPECT_EQ(job_status(*service_, asking(id), {"us"}).status, 200);
  EXPECT_EQ(job_delete(*service_, asking(id), {"us"}).status, 202);
  EXPECT_EQ(job_delete(*service_, asking(id), {"us"}).status, 404);
}

TEST_F(ExportStatusTest, M02M06OutcomesAreNamedTwiceWithTheirSeverities) {
  kind_.answer = [](const auto&) {
    bulk::ShardResult result;
    result.files = {
        {"OperationOutcome-0.ndjson", "OperationOutcome", 3, 700, bulk::FileKind::kOutcome},
        {"Patient-0.ndjson", "Patient", 5, 900}};
    return bulk::serialize(result);
  };
  const std::string id = run();  // first: it makes the service
  const auto response = job_status(*service_, asking(id), {"us"});
  ASSERT_EQ(response.status, 200);
  EXPECT_TRUE(response.headers.get("Expires"));
  const auto manifest = json::parse(std::get<std::string>(response.body)).as_object();
  EXPECT_EQ(manifest.at("output").as_array().size(), 1u);
  EXPECT_EQ(manifest.at("error"), manifest.at("outcome"));
  const auto& item = manifest.at("outcome").as_array().at(0).as_object();
  EXPECT_EQ(item.at("count").as_int64(), 3);
  EXPECT_EQ(item.at("countSeverity"), json::parse(R"([{"code":"warning","count":3}])"));
  EXPECT_TRUE(item.at("url").as_string().ends_with("/OperationOutcome-0.ndjson"));
}

TEST_F(ExportStatusTest, M07AManifestOfAHundredThousandFilesIsAStream) {  // R-01
  constexpr unsigned kFilesOfShard = 100;
  kind_.shards = 1000;
  kind_.answer = [](const job::Shard& shard) {
    bulk::ShardResult result;
    for (unsigned i = 0; i < kFilesOfShard; ++i)
      result.files.push_back({fmt::format("Patient-{}-{}.ndjson", shard.number, i), "Patient",
                              shard.number + 1, i + 1});
    return bulk::serialize(result);
  };
  const std::string id = run();
  auto response = job_status(*service_, asking(id), {"us"});
  ASSERT_EQ(response.status, 200);
  ASSERT_TRUE(std::holds_alternative<http::StreamBody>(response.body));
  const auto& read = std::get<http::StreamBody>(response.body).read;
  json::stream_parser parser;
  std::vector<char> buffer(10'000);
  while (true) {
    const auto n = read(buffer);
    ASSERT_TRUE(n);
    if (*n == 0) break;
    parser.write(buffer.data(), *n);
  }
  parser.finish();
  const auto manifest = parser.release().as_object();
  const auto& output = manifest.at("output").as_array();
  ASSERT_EQ(output.size(), kind_.shards * kFilesOfShard);
  // In the order of the shards, none twice, none missing.
  for (std::size_t i = 0; i < output.size(); ++i)
    ASSERT_TRUE(output[i].at("url").as_string().ends_with(
        fmt::format("/Patient-{}-{}.ndjson", i / kFilesOfShard, i % kFilesOfShard)))
        << output[i];

  // Deleted in the middle: an error, which cuts the connection, not a short manifest.
  response = job_status(*service_, asking(id), {"us"});
  const auto& cut = std::get<http::StreamBody>(response.body).read;
  ASSERT_TRUE(cut(buffer));
  ASSERT_EQ(job_delete(*service_, asking(id), {"us"}).status, 202);
  while (true) {
    const auto n = cut(buffer);
    if (!n) break;
    ASSERT_NE(*n, 0u) << "the manifest ended as if it were whole";
  }
}

bulk::ExportRequest with_pages() {
  bulk::ExportRequest request;
  request.partial_manifests = true;
  return request;
}

std::string result_of(const job::Shard& shard, unsigned files) {
  bulk::ShardResult result;
  for (unsigned i = 0; i < files; ++i)
    result.files.push_back({fmt::format("Patient-0-{:05}-{:03}.ndjson", shard.number, i), "Patient",
                            shard.number + 1, i + 1});
  return bulk::serialize(result);
}

TEST_F(ExportStatusTest, M07P10AHundredThousandFilesComeInPages) {
  kind_.shards = 1000;
  kind_.answer = [](const job::Shard& shard) { return result_of(shard, 100); };
  const std::string id = run(with_pages());
  auto response = job_status(*service_, asking(id), {"us"});
  std::vector<std::string> names;
  unsigned pages = 0;
  json::object first;
  while (true) {
    ASSERT_EQ(response.status, 200);
    ASSERT_LT(std::get<std::string>(response.body).size(), 400u << 10) << "a page is bounded";
    json::object page = manifest_of(response);
    for (const auto& item : page.at("output").as_array()) {
      const std::string url(item.at("url").as_string());
      names.push_back(url.substr(url.rfind('/') + 1));
    }
    ++pages;
    const json::array links = page.at("link").as_array();
    page.erase("output");
    page.erase("link");
    if (first.empty()) first = page;
    ASSERT_EQ(page, first) << "pages differ in their lists only";
    if (links.empty()) break;
    ASSERT_EQ(links.size(), 1u);
    ASSERT_EQ(links[0].at("relation"), "next");
    response = export_page(
        *service_, asking_for_page(id, std::string(links[0].at("url").as_string())), {"us"});
  }
  ASSERT_EQ(names.size(), 100'000u);
  for (std::size_t i = 0; i < names.size(); ++i)
    ASSERT_EQ(names[i], fmt::format("Patient-0-{:05}-{:03}.ndjson", i / 100, i % 100));
  EXPECT_GT(pages, 50u);
}

// A page is the same at every look, whatever else has ended and in which order.
TEST_F(ExportStatusTest, P10APageThatWasShownOnlyGainsItsLink) {
  constexpr unsigned kShards = 12;
  kind_.shards = kShards;
  std::mutex mutex;
  std::condition_variable changed;
  std::set<unsigned> allowed;
  kind_.answer = [&](const job::Shard& shard) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return allowed.contains(shard.number); });
    return result_of(shard, 5);
  };
  options_.workers = kShards;
  bulk::ExportRequest request = with_pages();
  request.separate_export_status = true;
  const std::string id = submit(request);
  std::map<std::string, std::string> shown;  // the page's address, and its text without the link
  const auto look = [&] {
    std::string link;
    std::size_t files = 0;
    for (auto response = job_status(*service_, asking(id), {"us"});;
         response = export_page(*service_, asking_for_page(id, link), {"us"})) {
      EXPECT_EQ(response.status, 200);
      const auto text = std::get_if<std::string>(&response.body);
      if (text == nullptr || text->empty()) return files;
      json::object page = json::parse(*text).as_object();
      const json::array links = page.at("link").as_array();
      page.erase("link");
      files += page.at("output").as_array().size();
      const std::string plain = json::serialize(page);
      EXPECT_EQ(shown.emplace(link, plain).first->second, plain);
      for (const auto& item : page.at("output").as_array()) {
        const std::string url(item.at("url").as_string());
        EXPECT_TRUE(*bulk::is_finished_file(*engine_, id, url.substr(url.rfind('/') + 1)));
      }
      if (links.empty()) return files;
      link = std::string(links[0].at("url").as_string());
    }
  };
  EXPECT_EQ(look(), 0u);
  std::size_t seen = 0;
  unsigned done = 0;
  for (const unsigned shard : {3u, 0u, 1u, 2u, 7u, 4u, 5u, 6u, 11u, 9u, 8u}) {
    {
      const std::lock_guard lock(mutex);
      allowed.insert(shard);
    }
    changed.notify_all();
    ++done;
    for (int i = 0; i < 60'000 && engine_->statistics().shards_total < done; ++i)
      std::this_thread::sleep_for(1ms);
    const std::size_t files = look();
    EXPECT_GE(files, seen);
    seen = files;
    EXPECT_EQ(job_status(*service_, asking(id), {"us"}).headers.get("X-Export-Status"),
              "202 Accepted");
  }
  EXPECT_EQ(seen, 8u + 16u) << "40 files are before the first open shard: two full pages";
  EXPECT_FALSE(*bulk::is_finished_file(*engine_, id, "Patient-0-00010-000.ndjson"));
  for (const char* bad : {"0", "0-0-0-0-0", "1-0-1", "01-0-1-3", "1-0-1-x", "9-0-9-0", ""})
    EXPECT_EQ(export_page(*service_, asking_for_page(id, bad), {"us"}).status, 404) << bad;
  {
    const std::lock_guard lock(mutex);
    allowed.insert(10);
  }
  changed.notify_all();
  wait(id);
  EXPECT_EQ(look(), 60u);
  EXPECT_EQ(job_status(*service_, asking(id), {"us"}).headers.get("X-Export-Status"), "200 OK");
  EXPECT_EQ(export_page(*service_, asking_for_page(id, "0-0-0-0"), {"them"}).status, 404);
}

TEST_F(ExportStatusTest, P10AnExportOfNothingIsAPageToo) {
  kind_.shards = 0;
  const std::string id = run(with_pages());
  const auto page = manifest_of(job_status(*service_, asking(id), {"us"}));
  for (const char* array : {"output", "deleted", "error", "outcome", "link"})
    EXPECT_EQ(page.at(array), json::array()) << array;
  EXPECT_EQ(export_page(*service_, asking_for_page(id, "1-0-0-0"), {"us"}).status, 404);
}

}  // namespace
}  // namespace sluice::api
