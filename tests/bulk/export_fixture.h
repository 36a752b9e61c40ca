// A store, files and an engine in one process, for tests of whole exports without HTTP.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "bulk/export/job/export_job.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/stored_export.h"
#include "fhir/resource_reader.h"
#include "file_lines.h"
#include "job/engine.h"
#include "output/file_store.h"
#include "store/rocksdb/rocksdb_store.h"
#include "ticking_clock.h"

namespace sluice::bulk {

/// The machine's clock, ahead by as much as a test says, and later at each look.
class AdvancedClock final : public Clock {
 public:
  Instant now() const override { return machine_.now() + ahead_.load(); }
  void advance(std::chrono::milliseconds by) { ahead_ = ahead_.load() + by; }

 private:
  TickingClock machine_;
  std::atomic<std::chrono::milliseconds> ahead_{};
};

class ExportFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = parent_folder() / ("sluice-export-" + random_hex(8));
    auto store = store::open_rocksdb_store(folder_, clock_);
    ASSERT_TRUE(store) << store.error().message << store.error().detail;
    store_ = std::move(*store);
    auto files = output::open_local_file_store(folder_ / "files");
    ASSERT_TRUE(files) << files.error().message;
    files_ = std::move(*files);
    start();
  }
  void TearDown() override {
    engine_.reset();
    exports_.reset();
    files_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  /// Where the store and the files are.
  virtual std::filesystem::path parent_folder() const {
    return std::filesystem::temp_directory_path();
  }

  /// What the exports read.
  virtual const store::Store& store_of_exports() { return *store_; }

  void start() {
    engine_.reset();
    exports_ = std::make_unique<ExportJobs>(store_of_exports(), *files_, sizes_,
                                            [](const job::Job& job, const ExportRequest& request,
                                               std::string_view id) -> Result<std::string> {
                                              return request.base_url + "/of-job/" + job.id + "/" +
                                                     std::string(id);
                                            });
    engine_ = std::make_unique<job::Engine>(*store_, clock_, *exports_, engine_options_);
    ASSERT_TRUE(engine_->start());
  }

  /// Writes resources in one transaction.
  store::WriteOutcome put(const std::vector<std::string>& lines) {
    fhir::ResourceReader reader;
    std::vector<fhir::IncomingResource> resources;
    for (const auto& line : lines) {
      auto resource = reader.read(line);
      EXPECT_TRUE(resource) << line;
      if (resource) resources.push_back(std::move(*resource));
    }
    store::Transaction transaction;
    transaction.durable = false;
    for (const auto& resource : resources) transaction.puts.push_back(&resource);
    auto outcome = store_->write(transaction);
    EXPECT_TRUE(outcome);
    return *outcome;
  }

  store::Commit remove(const std::string& type, const std::string& id) {
    store::Transaction transaction;
    transaction.durable = false;
    transaction.removals.push_back({*fhir::find_resource_type(type), id});
    return store_->write(transaction)->commit;
  }

  std::string kick_off(ExportRequest request) {
    const auto job = engine_->submit("test", [&](const store::Commit& snapshot) {
      const auto checked = check_against_store(*store_, request, snapshot, false);
      return checked ? Result<std::string>(serialize(request))
                     : Result<std::string>(checked.error());
    });
    EXPECT_TRUE(job) << job.error().message;
    return job ? job->id : std::string();
  }

  job::JobView wait(const std::string& id) {
    for (int i = 0; i < 60'000; ++i) {
      const auto view = engine_->view(id);
      EXPECT_TRUE(view);
      if (!view || view->job.state != job::JobState::kRunning) return *view;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ADD_FAILURE() << "the export did not end";
    return {};
  }

  std::vector<OutputFile> output_files(const std::string& id) {
    std::vector<OutputFile> files;
    const auto shards = engine_->shards(id, {}, 100'000);
    for (const auto& shard : *shards) {
      const auto result = parse_shard_result(shard.result);
      files.insert(files.end(), result->files.begin(), result->files.end());
    }
    return files;
  }

  std::vector<std::string> lines_of(const std::string& id, const std::string& name) {
    return lines_of_file(*files_, id, name);
  }

  /// Runs an export to its end; every line of its files of a kind, in order of output.
  std::vector<std::string> run(const ExportRequest& request, FileKind kind = FileKind::kOutput) {
    const std::string id = kick_off(request);
    EXPECT_EQ(wait(id).job.state, job::JobState::kDone);
    return lines_of_kind(id, kind);
  }

  std::vector<std::string> lines_of_kind(const std::string& id, FileKind kind) {
    std::vector<std::string> lines;
    for (const auto& file : output_files(id)) {
      if (file.kind != kind) continue;
      const auto more = lines_of(id, file.name);
      EXPECT_EQ(resources_of(more), file.count);
      lines.insert(lines.end(), more.begin(), more.end());
    }
    return lines;
  }

  /// How many of the lines are no header of a block (M-03).
  static std::size_t resources_of(const std::vector<std::string>& lines) {
    return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [](const auto& line) {
      return !line.starts_with(R"({"resourceType":"Parameters","parameter":[{"name":"header",)");
    }));
  }

  /// "Type/id" of every line; fails when one comes twice.
  static std::set<std::string> keys(const std::vector<std::string>& lines) {
    fhir::ResourceReader reader;
    std::set<std::string> keys;
    for (const auto& line : lines) {
      const auto resource = reader.read(line);
      EXPECT_TRUE(resource) << line;
      if (!resource) continue;
      const std::string key = std::string(fhir::type_name(resource->type)) + "/" + resource->id;
      EXPECT_TRUE(keys.insert(key).second) << key << " is there twice";
    }
    return keys;
  }

  AdvancedClock clock_;
  std::filesystem::path folder_;
  ExportSizes sizes_;
  job::EngineOptions engine_options_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<output::FileStore> files_;
  std::unique_ptr<ExportJobs> exports_;
  std::unique_ptr<job::Engine> engine_;
};

}  // namespace sluice::bulk
