// The deleted files of exports with _since (M-04), against a model that replays what was done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

#include "deletions_fixture.h"
#include "raw_database.h"

namespace sluice::bulk {
namespace {

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

// M-04, P-05
TEST_F(DeletionsTest, WhatNoLongerMatchesAFilterIsToldWhileItsOldVersionIsKept) {
  put_patients();
  const auto amended = [](const std::string& id) {
    std::string text = observation(id, {"b"}, "amended");
    text.replace(text.find("final"), 5, "amended");
    return text;
  };
  put({amended("never")});
  since_ = store_->last_commit().instant;
  put({amended("b1"), amended("both"), observation("never", {"b"}, "y")});
  put({amended("never"), observation("both", {"b"}, "final again")});
  remove("Observation", "back");
  const auto filtered = [&](ExportRequest request) {
    request.type_filters = {{*fhir::find_resource_type("Observation"), "status=final"}};
    return request;
  };
  const auto check = [&] {
    // "never" was final for a moment after _since.
    EXPECT_EQ(deleted(filtered(since(ExportLevel::kSystem))),
              (Keys{"Observation/b1", "Observation/never", "Observation/back"}));
    EXPECT_EQ(deleted(filtered(of_group())), (Keys{"Observation/b1", "Observation/never"}));
    EXPECT_EQ(outcomes(filtered(of_group())), "");
  };
  check();
  EXPECT_EQ(keys(run(filtered(of_group()))), Keys{"Observation/both"});
  // Of who sees the final ones only: the same, whatever it asks for.
  ExportRequest limited = of_group();
  limited.limits.by_query = {{{*fhir::find_resource_type("Observation")}, {{"status=final"}}}};
  EXPECT_EQ(deleted(limited), (Keys{"Observation/b1", "Observation/never"}));

  store_->set_history_horizon(store_->last_commit().sequence);
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(deleted(filtered(of_group())), Keys{});
  EXPECT_THAT(outcomes(filtered(of_group())),
              testing::HasSubstr("Deletions may be missing: what some resources were before"));
  // A deletion that may have matched is told; who may not know of it is told nothing.
  EXPECT_EQ(deleted(filtered(since(ExportLevel::kSystem))), Keys{"Observation/back"});
  limited.level = ExportLevel::kSystem;
  EXPECT_EQ(deleted(limited), Keys{});
  EXPECT_THAT(outcomes(limited), testing::HasSubstr("Deletions may be missing"));
  // What did not change since then needs no past.
  since_ = store_->last_commit().instant;
  EXPECT_EQ(outcomes(filtered(of_group())), "");
}

// M-04, Q-04: chains were resolved otherwise then.
TEST_F(DeletionsTest, WhatNoLongerMatchesAChainIsTold) {
  const auto patient = [](const char* gender) {
    return simple("Patient", "a", fmt::format(R"(,"gender":"{}")", gender));
  };
  put({patient("female"), observation("a1", {"a"}, "x")});
  since_ = store_->last_commit().instant;
  put({patient("male"), observation("a1", {"a"}, "y")});
  ExportRequest request = since(ExportLevel::kPatient);
  request.type_filters = {
      {*fhir::find_resource_type("Observation"), "subject:Patient.gender=female"}};
  EXPECT_EQ(deleted(request), Keys{"Observation/a1"});
}

// M-04: what an earlier version of the program did not note is said to be missing.
TEST_F(DeletionsTest, WhatMovedBeforeTheStoreWasUpgradedIsSaidToBeMissing) {
  put_patients();
  put({observation("a1", {"b"})});
  engine_.reset();
  exports_.reset();
  store_.reset();
  store::set_format(folder_, 4);
  store_ = store::open_rocksdb_store(folder_, clock_).value();
  start();
  const std::string missing = "went to another patient before this server's store was upgraded";
  EXPECT_THAT(outcomes(of_group()), testing::HasSubstr(missing));
  EXPECT_THAT(outcomes(since(ExportLevel::kPatient)), testing::HasSubstr(missing));
  EXPECT_EQ(outcomes(since(ExportLevel::kSystem)), "");
  since_ = store_->last_commit().instant;
  put({observation("b1", {"c"})});
  EXPECT_EQ(outcomes(of_group()), "");
  EXPECT_EQ(deleted(of_group()), Keys{"Observation/b1"});
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
    // What was the patient's at `_since` or later, and is not at the end.
    std::map<std::string, bool> is_his;
    Keys was_his;
    Keys expected;
    for (const auto& step : steps) {
      if (step.instant >= end) break;
      const std::string key = "Observation/" + step.id;
      if (step.instant > since_ && is_his[key]) was_his.insert(key);
      is_his[key] = std::find(step.owners.begin(), step.owners.end(), patient) != step.owners.end();
    }
    for (const auto& key : was_his)
      if (!is_his[key]) expected.insert(key);
    ExportRequest request = since(ExportLevel::kPatient);
    request.patients = {patient};
    request.until = end;
    EXPECT_EQ(deleted(request), expected) << round;
  }
}

}  // namespace
}  // namespace sluice::bulk
