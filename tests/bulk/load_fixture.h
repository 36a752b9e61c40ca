// A folder, a store and files of every kind, for tests of `sluice load` in one process.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "bulk/load/load.h"
#include "gzip.h"
#include "store/rocksdb/rocksdb_store.h"

namespace sluice::bulk {

// ---- resources ----

inline std::string patient(std::string_view id, std::string_view gender = "other") {
  return R"({"resourceType":"Patient","id":")" + std::string(id) + R"(","gender":")" +
         std::string(gender) + "\"}";
}

inline std::string observation(std::string_view id, std::string_view subject) {
  return R"({"resourceType":"Observation","id":")" + std::string(id) +
         R"(","status":"final","code":{},"subject":{"reference":")" + std::string(subject) +
         R"("},"valueQuantity":{"value":1.50}})";
}

inline std::string bundle(std::string_view type, std::string_view entries) {
  return R"({"resourceType":"Bundle","type":")" + std::string(type) + R"(","entry":[)" +
         std::string(entries) + "]}";
}

class InputFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("sluice-load-" + random_hex(8));
    std::filesystem::create_directory(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// Writes a file below the folder; its path.
  std::string file(std::string_view name, std::string_view bytes) {
    const auto path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }

  std::filesystem::path folder_;
};

class LoadTest : public InputFolder {
 protected:
  void SetUp() override {
    InputFolder::SetUp();
    auto store = store::open_rocksdb_store(folder_ / "data", clock_);
    ASSERT_TRUE(store) << store.error().message << store.error().detail;
    store_ = std::move(*store);
    options_.on_problem = [this](const LoadProblem& problem) { problems_.push_back(problem); };
  }
  void TearDown() override {
    store_.reset();
    InputFolder::TearDown();
  }

  Result<LoadSummary> try_load(std::vector<std::string> paths) {
    options_.paths = std::move(paths);
    problems_.clear();
    return bulk::load(*store_, options_, {});
  }
  LoadSummary load(std::vector<std::string> paths) {
    auto summary = try_load(std::move(paths));
    EXPECT_TRUE(summary) << summary.error().message << summary.error().detail;
    if (!summary) return {};
    EXPECT_EQ(summary->problems + std::min(summary->warnings, kWarningsTold), problems_.size());
    std::uint64_t counted = summary->superseded;
    for (const auto& [type, counts] : summary->types)
      counted += counts.created + counts.updated + counts.unchanged;
    EXPECT_EQ(counted, summary->resources);
    return *summary;
  }

  /// "name:place: reason" of each problem, with "entry " before the place of a Bundle's entry.
  std::vector<std::string> problems() const {
    std::vector<std::string> all;
    for (const auto& each : problems_)
      all.push_back(std::filesystem::path(each.path).filename().string() + ":" +
                    (each.is_bundle_entry ? "entry " : "") + std::to_string(each.place) + ": " +
                    each.reason);
    return all;
  }

  std::optional<store::Record> record(std::string_view type, std::string id) {
    const auto found = store_->read({*fhir::find_resource_type(type), std::move(id)},
                                    store_->last_commit().sequence);
    EXPECT_TRUE(found);
    return found ? *found : std::nullopt;
  }
  std::string json(std::string_view type, std::string id) {
    const auto found = record(type, std::move(id));
    return found ? found->json : "none";
  }

  /// Everything there is: "Type/id" with its version.
  std::map<std::string, std::uint32_t> versions() {
    std::map<std::string, std::uint32_t> all;
    const auto statistics = store_->statistics();
    EXPECT_TRUE(statistics);
    for (const auto& each : *statistics) {
      auto scan = *store_->scan(store::whole_type(each.type), store_->last_commit().sequence);
      for (store::RecordView view; *scan->next(view);)
        if (!view.is_link)
          all[std::string(fhir::type_name(view.type)) + "/" + std::string(view.id)] = view.version;
    }
    return all;
  }

  SystemClock clock_;
  std::unique_ptr<store::Store> store_;
  LoadOptions options_;
  std::vector<LoadProblem> problems_;
};

}  // namespace sluice::bulk
