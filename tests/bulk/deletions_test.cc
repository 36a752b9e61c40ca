// The deleted files of exports with _since (M-04), against a model that replays what was done.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

#include "export_fixture.h"

namespace sluice::bulk {
namespace {

using Keys = std::set<std::string>;

std::string observation(const std::string& id, const std::vector<std::string>& patients,
                        const std::string& note = "") {
  std::string performers;
  for (std::size_t i = 1; i < patients.size(); ++i)
    performers += fmt::format(R"({}{{"reference":"Patient/{}"}})", performers.empty() ? "" : ",",
                              patients[i]);
  return fmt::format(
      R"({{"resourceType":"Observation","id":"{}","status":"final","code":{{"text":"{}"}},"subject":{{"reference":"Patient/{}"}},"performer":[{}]}})",
      id, note, patients[0], performers);
}

std::string simple(const std::string& type, const std::string& id, const std::string& more = "") {
  return fmt::format(R"({{"resourceType":"{}","id":"{}"{}}})", type, id, more);
}

class DeletionsTest : public ExportFixture {
 protected:
  /// "Type/id" of every entry; checks the form of the Bundles.
  static Keys deleted_keys(const std::vector<std::string>& lines) {
    Keys keys;
    for (const auto& line : lines) {
      const auto bundle = boost::json::parse(line).as_object();
      EXPECT_EQ(bundle.at("resourceType").as_string(), "Bundle");
      EXPECT_EQ(bundle.at("type").as_string(), "transaction");
      EXPECT_FALSE(bundle.at("entry").as_array().empty());
      for (const auto& entry : bundle.at("entry").as_array()) {
        const auto& request = entry.as_object().at("request").as_object();
        EXPECT_EQ(request.at("method").as_string(), "DELETE");
        const std::string url(request.at("url").as_string());
        EXPECT_TRUE(keys.insert(url).second) << url << " twice";
      }
    }
    return keys;
  }

  Keys deleted(const ExportRequest& request) {
    return deleted_keys(run(request, FileKind::kDeleted));
  }

  ExportRequest since(ExportLevel level) const {
    ExportRequest request;
    request.level = level;
    request.since = since_;
    return request;
  }

  void put_patients() {
    put({simple("Patient", "a"), simple("Patient", "b"), simple("Patient", "c"),
         simple("Practitioner", "gone"), simple("Practitioner", "nobody-knows"),
         simple("Device", "free"), simple("Basic", "of-nobody"), observation("a1", {"a"}),
         observation("b1", {"b"}), observation("both", {"a", "b"}), observation("back", {"a"}),
         simple("Encounter", "e",
                R"(,"status":"planned","class":{"code":"AMB"},"subject":{"reference":"Patient/b"},)"
                R"("participant":[{"individual":{"reference":"Practitioner/gone"}}])"),
         simple(
             "Group", "g",
             R"(,"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/b"}}])")});
    since_ = store_->last_commit().instant;
  }

  Instant since_;
};

// M-04
TEST_F(DeletionsTest, WhatWasDeletedIsToldToThoseWhoseRequestReachedIt) {
  put_patients();
  for (const auto& [type, id] :
       std::vector<std::pair<std::string, std::string>>{{"Observation", "a1"},
                                                        {"Observation", "b1"},
                                                        {"Observation", "both"},
                                                        {"Observation", "back"},
                                                        {"Practitioner", "gone"},
                                                        {"Practitioner", "nobody-knows"},
                                                        {"Device", "free"},
                                                        {"Basic", "of-nobody"},
                                                        {"Patient", "c"}})
    remove(type, id);
  put({observation("back", {"a"}, "again")});

  EXPECT_EQ(deleted(since(ExportLevel::kSystem)),
            (Keys{"Observation/a1", "Observation/b1", "Observation/both", "Practitioner/gone",
                  "Practitioner/nobody-knows", "Device/free", "Basic/of-nobody", "Patient/c"}));
  // The encounter still refers to the one practitioner; nobody refers to the other.
  EXPECT_EQ(deleted(since(ExportLevel::kPatient)),
            (Keys{"Observation/a1", "Observation/b1", "Observation/both", "Patient/c",
                  "Practitioner/gone"}));
  ExportRequest group = since(ExportLevel::kGroup);
  group.group_id = "g";
  EXPECT_EQ(deleted(group), (Keys{"Observation/b1", "Observation/both", "Practitioner/gone"}));
  group.types = {fhir::types::kPatient, *fhir::find_resource_type("Observation")};
  std::sort(group.types.begin(), group.types.end());
  EXPECT_EQ(deleted(group), (Keys{"Observation/b1", "Observation/both"}));
  ExportRequest of_a = since(ExportLevel::kPatient);
  of_a.patients = {"a"};
  EXPECT_EQ(deleted(of_a), (Keys{"Observation/a1", "Observation/both"}));

  // M-04: never in both.
  EXPECT_EQ(keys(run(of_a)), Keys{"Observation/back"});
}

// M-04
TEST_F(DeletionsTest, WhoLeavesAGroupIsNotDeleted) {
  put_patients();
  put({simple(
      "Group", "g",
      R"(,"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}}])")});
  ExportRequest request = since(ExportLevel::kGroup);
  request.group_id = "g";
  EXPECT_EQ(deleted(request), Keys{});
}

// M-04
TEST_F(DeletionsTest, WithoutSinceAndBeforeItNothingIsTold) {
  put_patients();
  remove("Observation", "a1");
  ExportRequest request;
  EXPECT_EQ(deleted(request), Keys{});
  since_ = store_->last_commit().instant;
  EXPECT_EQ(deleted(since(ExportLevel::kSystem)), Keys{});
}

// M-04, P-03: the window's end counts for deletions as for versions.
TEST_F(DeletionsTest, UntilEndsTheWindow) {
  put_patients();
  const auto first = remove("Observation", "a1");
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  const auto second = remove("Observation", "b1");
  ExportRequest request = since(ExportLevel::kSystem);
  request.until = second.instant;
  EXPECT_EQ(deleted(request), Keys{"Observation/a1"});
  request.until = first.instant;
  EXPECT_EQ(deleted(request), Keys{});
}

// A job reads its snapshot: what is deleted or comes back later does not count, and the owners of a
// resource stay known although a compaction drops its versions.
TEST_F(DeletionsTest, CompactionAndLaterWritesChangeNothing) {
  put_patients();
  remove("Observation", "both");
  const auto snapshot = put({}).commit;
  put({observation("both", {"c"})});
  remove("Observation", "b1");
  store_->set_history_horizon(store_->last_commit().sequence);
  ASSERT_TRUE(store_->compact());
  ExportRequest request = since(ExportLevel::kPatient);
  request.patients = {"b"};
  request.until = snapshot.instant;
  EXPECT_EQ(deleted(request), Keys{"Observation/both"});
}

// M-03, P-11: Bundles keep to the files' size.
TEST_F(DeletionsTest, ManyDeletionsAreSeveralBundlesOfBoundedSize) {
  std::vector<std::string> lines;
  for (int i = 0; i < 1000; ++i) lines.push_back(observation(fmt::format("o{}", i), {"a"}));
  put(lines);
  since_ = store_->last_commit().instant;
  Keys expected;
  for (int i = 0; i < 1000; ++i) {
    remove("Observation", fmt::format("o{}", i));
    expected.insert(fmt::format("Observation/o{}", i));
  }
  EXPECT_EQ(run(since(ExportLevel::kSystem), FileKind::kDeleted).size(), 10u);
  ExportRequest request = since(ExportLevel::kSystem);
  request.file_size_max = 1000;
  const std::string id = kick_off(request);
  ASSERT_EQ(wait(id).job.state, job::JobState::kDone);
  std::size_t files = 0;
  for (const auto& file : output_files(id)) {
    EXPECT_EQ(file.kind, FileKind::kDeleted);
    EXPECT_EQ(file.type, "Bundle");
    EXPECT_LE(file.size, 1000u);
    ++files;
  }
  EXPECT_GT(files, 50u);
  EXPECT_EQ(deleted_keys(lines_of_kind(id, FileKind::kDeleted)), expected);
}

// M-04: random writes and removals, exports of random windows and patients, against the replay.
TEST_F(DeletionsTest, AgreesWithAReplay) {
  std::mt19937 random(11);
  struct Step {
    Instant instant;
    std::string id;
    std::vector<std::string> owners;  // empty: removed
  };
  std::vector<Step> steps;
  std::map<std::string, std::vector<std::string>> now;
  for (int i = 0; i < 600; ++i) {
    const std::string id = fmt::format("o{}", random() % 40);
    if (random() % 3 != 0 || !now.contains(id)) {
      std::vector<std::string> owners{fmt::format("p{}", random() % 5)};
      const std::string second = fmt::format("p{}", random() % 5);
      if (second != owners[0]) owners.push_back(second);
      const Instant instant = put({observation(id, owners, fmt::to_string(i))}).commit.instant;
      now[id] = owners;
      steps.push_back({instant, id, owners});
    } else {
      now.erase(id);
      steps.push_back({remove("Observation", id).instant, id, {}});
    }
  }
  put({simple("Patient", "p0"), simple("Patient", "p1"), simple("Patient", "p2"),
       simple("Patient", "p3"), simple("Patient", "p4")});
  for (int round = 0; round < 40; ++round) {
    const std::string patient = fmt::format("p{}", round % 5);
    since_ = steps[random() % steps.size()].instant;
    const Instant end = steps[random() % steps.size()].instant;
    std::map<std::string, std::vector<std::string>> owners_before;
    Keys expected;
    for (const auto& step : steps) {
      if (step.instant > since_ && step.instant < end) {
        const std::string key = "Observation/" + step.id;
        const auto& had = owners_before[step.id];
        if (!step.owners.empty())
          expected.erase(key);
        else if (std::find(had.begin(), had.end(), patient) != had.end())
          expected.insert(key);
      }
      owners_before[step.id] = step.owners;
    }
    ExportRequest request = since(ExportLevel::kPatient);
    request.patients = {patient};
    request.until = end;
    EXPECT_EQ(deleted(request), expected) << round;
  }
}

}  // namespace
}  // namespace sluice::bulk
