// Exports organised by Patient (P-09), against blocks put together in the test.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "bulk/export/request/export_phases.h"
#include "export_fixture.h"
#include "forwarding_store.h"

namespace sluice::bulk {
namespace {

using Keys = std::set<std::string>;
using Blocks = std::map<std::string, Keys>;  // "Patient/a" to what its block holds

std::string observation(const std::string& id, const std::vector<std::string>& patients,
                        std::size_t padding = 0) {
  std::string performers;
  for (std::size_t i = 1; i < patients.size(); ++i)
    performers += fmt::format(R"({}{{"reference":"Patient/{}"}})", performers.empty() ? "" : ",",
                              patients[i]);
  return fmt::format(
      R"({{"resourceType":"Observation","id":"{}","status":"final","code":{{"text":"{}"}},"subject":{{"reference":"Patient/{}"}},"performer":[{}]}})",
      id, std::string(padding, 'x'), patients[0], performers);
}

std::string simple(const std::string& type, const std::string& id, const std::string& more = "") {
  return fmt::format(R"({{"resourceType":"{}","id":"{}"{}}})", type, id, more);
}

class OrganizedTest : public ExportFixture {
 protected:
  static ExportRequest organized(ExportLevel level) {
    ExportRequest request;
    request.level = level;
    request.organize_by = fhir::types::kPatient;
    return request;
  }

  /// Takes the files of a finished job apart, checking their form on the way.
  Blocks blocks_of(const std::string& id, std::uint64_t size_max = 1u << 30) {
    Blocks blocks;
    std::string header;
    std::string expected_file;  // the one in which the last block of the file before goes on
    Keys begun;
    for (const auto& file : output_files(id)) {
      if (file.kind != FileKind::kOutput) continue;
      EXPECT_EQ(file.type, "");
      EXPECT_TRUE(expected_file.empty() || file.name == expected_file) << file.name;
      const auto lines = lines_of(id, file.name);
      EXPECT_EQ(resources_of(lines), file.count);
      EXPECT_TRUE(lines.size() <= 2 || file.size <= size_max) << file.name;
      for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto object = boost::json::parse(lines[i]).as_object();
        if (object.at("resourceType") == "Parameters") {
          const auto& parameter = object.at("parameter").as_array().at(0).as_object();
          EXPECT_EQ(parameter.at("name"), "header");
          const std::string next(
              parameter.at("valueReference").as_object().at("reference").as_string());
          const bool goes_on = i == 0 && !expected_file.empty();
          EXPECT_EQ(next == header, goes_on) << next;
          EXPECT_EQ(begun.insert(next).second, !goes_on) << next << " has two blocks";
          header = next;
          EXPECT_LT(i + 1, lines.size()) << "an empty block";
          continue;
        }
        EXPECT_GT(i, 0u) << "no header";
        const std::string key = fmt::format("{}/{}", object.at("resourceType").as_string().c_str(),
                                            object.at("id").as_string().c_str());
        if (key.starts_with("Patient/")) {
          EXPECT_EQ(key, header);
          EXPECT_TRUE(blocks[header].empty()) << "the resource comes first";
        }
        EXPECT_TRUE(blocks[header].insert(key).second) << key << " twice in " << header;
      }
      expected_file = file.continues_in;
    }
    EXPECT_EQ(expected_file, "");
    return blocks;
  }

  Blocks run_blocks(const ExportRequest& request) {
    const std::string id = kick_off(request);
    EXPECT_EQ(wait(id).job.state, job::JobState::kDone);
    return blocks_of(id, request.file_size_max.value_or(1u << 30));
  }

  void put_patients() {
    put({simple("Patient", "a"), simple("Patient", "b"), simple("Patient", "lonely"),
         simple("Practitioner", "d"), observation("a1", {"a"}), observation("b1", {"b"}),
         observation("both", {"a", "b"}), observation("dangling", {"nobody"}),
         simple("Condition", "c", R"(,"subject":{"reference":"Patient/b"})"),
         simple(
             "Group", "g",
             R"(,"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/b"}}])")});
  }
};

// P-09
TEST_F(OrganizedTest, EachPatientHasABlockOfWhatRefersToThem) {
  put_patients();
  const Blocks all{
      {"Patient/a", {"Patient/a", "Observation/a1", "Observation/both"}},
      {"Patient/b", {"Patient/b", "Observation/b1", "Observation/both", "Condition/c"}},
      {"Patient/lonely", {"Patient/lonely"}},
      {"Patient/nobody", {"Observation/dangling"}}};
  EXPECT_EQ(run_blocks(organized(ExportLevel::kSystem)), all);
  EXPECT_EQ(run_blocks(organized(ExportLevel::kPatient)), all);
  ExportRequest group = organized(ExportLevel::kGroup);
  group.group_id = "g";
  EXPECT_EQ(run_blocks(group), (Blocks{{"Patient/b", all.at("Patient/b")}}));
  ExportRequest of_a = organized(ExportLevel::kPatient);
  of_a.patients = {"a", "lonely"};
  EXPECT_EQ(run_blocks(of_a), (Blocks{{"Patient/a", all.at("Patient/a")},
                                      {"Patient/lonely", all.at("Patient/lonely")}}));
}

// P-09 with P-02, P-04, P-06: a block holds what the request asks for, and none is empty.
TEST_F(OrganizedTest, OtherParametersCountWithinBlocks) {
  put_patients();
  const Instant before = store_->last_commit().instant;
  put({observation("b2", {"b"})});
  remove("Observation", "a1");
  ExportRequest request = organized(ExportLevel::kPatient);
  request.since = before;
  EXPECT_EQ(run_blocks(request), (Blocks{{"Patient/b", {"Observation/b2"}}}));
  EXPECT_EQ(run(request, FileKind::kDeleted).size(), 1u);
  request = organized(ExportLevel::kPatient);
  request.types = {*fhir::find_resource_type("Condition")};
  request.elements = {"subject"};
  EXPECT_EQ(run_blocks(request), (Blocks{{"Patient/b", {"Condition/c"}}}));
  EXPECT_NE(run(request)[1].find("SUBSETTED"), std::string::npos);
}

// P-09, P-11: blocks move to the next file whole, and only one larger than a file is split.
TEST_F(OrganizedTest, BlocksAreSplitOnlyWhenTheyExceedAFile) {
  std::vector<std::string> lines;
  Blocks expected;
  for (int p = 0; p < 30; ++p) {
    const std::string patient = fmt::format("p{:02}", p);
    lines.push_back(simple("Patient", patient));
    auto& block = expected["Patient/" + patient];
    block.insert("Patient/" + patient);
    const int observations = p == 13 ? 60 : p % 4;
    for (int o = 0; o < observations; ++o) {
      const std::string id = fmt::format("{}-{}", patient, o);
      // One is larger than a file by itself.
      lines.push_back(observation(id, {patient}, p == 13 && o == 7 ? 9000 : 300));
      block.insert("Observation/" + id);
    }
  }
  put(lines);
  ExportRequest request = organized(ExportLevel::kPatient);
  request.file_size_max = 4000;
  const std::string id = kick_off(request);
  ASSERT_EQ(wait(id).job.state, job::JobState::kDone);
  std::size_t split = 0;
  std::size_t too_large = 0;
  for (const auto& file : output_files(id)) {
    split += file.continues_in.empty() ? 0 : 1;
    too_large += file.size > 4000 ? 1 : 0;
  }
  EXPECT_GT(split, 5u);
  EXPECT_EQ(too_large, 1u);
  EXPECT_EQ(blocks_of(id), expected);
}

// P-09: shards are cut between patients, and small patient sets skip over others.
TEST_F(OrganizedTest, ManyShardsAndSetsGiveTheSameBlocks) {
  sizes_.shard_size_min = 1 << 16;
  sizes_.shard_size = 1 << 18;
  start();
  std::vector<std::string> lines;
  Blocks expected;
  for (int p = 0; p < 500; ++p) {
    const std::string patient = fmt::format("p{:03}", p);
    lines.push_back(simple("Patient", patient));
    expected["Patient/" + patient].insert("Patient/" + patient);
    for (int o = 0; o < 12; ++o) {
      const std::string other = fmt::format("p{:03}", (p * 7 + o) % 500);
      const std::string id = fmt::format("{}-{}", patient, o);
      lines.push_back(other == patient ? observation(id, {patient}, 200)
                                       : observation(id, {patient, other}, 200));
      expected["Patient/" + patient].insert("Observation/" + id);
      expected["Patient/" + other].insert("Observation/" + id);
    }
  }
  put(lines);
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(run_blocks(organized(ExportLevel::kPatient)), expected);
  for (const int every : {3, 100}) {
    ExportRequest request = organized(ExportLevel::kPatient);
    request.patients.emplace();
    Blocks some;
    for (int p = 0; p < 500; p += every) {
      const std::string patient = fmt::format("p{:03}", p);
      request.patients->push_back(patient);
      some["Patient/" + patient] = expected["Patient/" + patient];
    }
    EXPECT_EQ(run_blocks(request), some) << "every " << every;
  }
}

/// Counts how often all shards of a job are read.
class CountingStore final : public store::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<std::vector<store::Document>> documents(std::string_view prefix, std::string_view after,
                                                 std::size_t limit) const override {
    auto page = ForwardingStore::documents(prefix, after, limit);
    if (prefix.starts_with("shard/") && page && page->empty()) ++passes;
    return page;
  }
  mutable std::atomic<int> passes = 0;
};

class ReadsOfShards : public OrganizedTest {
 protected:
  const store::Store& store_of_exports() override {
    if (!counting_) counting_ = std::make_unique<CountingStore>(*store_);
    return *counting_;
  }
  void TearDown() override {
    engine_.reset();
    exports_.reset();
    counting_.reset();
    OrganizedTest::TearDown();
  }
  std::unique_ptr<CountingStore> counting_;
};

// P-09: not once for each shard that needs it.
TEST_F(ReadsOfShards, WhatEarlierPhasesLeftIsReadOnceForAPhase) {
  std::vector<std::string> lines;
  for (int i = 0; i < 100; ++i) lines.push_back(simple("Practitioner", fmt::format("p{}", i)));
  put(lines);
  ExportRequest request;
  request.level = ExportLevel::kSystem;
  request.organize_by = fhir::find_resource_type("Practitioner");
  const std::string id = kick_off(request);
  ASSERT_EQ(wait(id).job.state, job::JobState::kDone);
  const auto shards = *engine_->shards(id, {}, 100'000);
  EXPECT_GT(std::count_if(shards.begin(), shards.end(),
                          [](const auto& shard) { return shard.phase == kBlocksPhase; }),
            3);
  EXPECT_EQ(counting_->passes, 2) << "for the blocks, and for what is removed at the end";
}

}  // namespace
}  // namespace sluice::bulk
