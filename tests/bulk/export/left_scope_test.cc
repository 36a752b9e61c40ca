// What has left an export's scope without being deleted (M-04): to another patient, out of a block,
// while a member was away from the group.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "deletions_fixture.h"

namespace sluice::bulk {
namespace {

using LeftScopeTest = DeletionsTest;

// M-04
TEST_F(LeftScopeTest, WhoLeavesAGroupIsNotDeleted) {
  put_patients();
  put({simple(
      "Group", "g",
      R"(,"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}}])")});
  ExportRequest request = since(ExportLevel::kGroup);
  request.group_id = "g";
  EXPECT_EQ(deleted(request), Keys{});
}

// M-04: charted on the wrong patient, and corrected.
TEST_F(LeftScopeTest, WhatGoesToAnotherPatientHasLeftTheFirst) {
  put_patients();
  put({group("of-a", {"a"}), group("of-b", {"b"}), group("of-both", {"a", "b"})});
  since_ = store_->last_commit().instant;
  put({observation("a1", {"b"}), observation("both", {"a"})});
  EXPECT_EQ(deleted(of_group("of-a")), Keys{"Observation/a1"});
  EXPECT_EQ(keys(run(of_group("of-a"))), Keys{"Observation/both"});
  EXPECT_EQ(deleted(of_group("of-b")), Keys{"Observation/both"});
  EXPECT_EQ(keys(run(of_group("of-b"))), Keys{"Observation/a1"});
  EXPECT_EQ(deleted(of_group("of-both")), Keys{});
  EXPECT_EQ(deleted(since(ExportLevel::kPatient)), Keys{});
  EXPECT_EQ(deleted(since(ExportLevel::kSystem)), Keys{});
  ExportRequest of_a = since(ExportLevel::kPatient);
  of_a.patients = {"a"};
  EXPECT_EQ(deleted(of_a), Keys{"Observation/a1"});
  of_a.types = {fhir::types::kPatient};
  EXPECT_EQ(deleted(of_a), Keys{});
}

// M-04
TEST_F(LeftScopeTest, WhatLosesItsPatientHasLeftEveryPatient) {
  put_patients();
  put({simple("Observation", "b1", R"(,"status":"final")")});
  EXPECT_EQ(deleted(since(ExportLevel::kPatient)), Keys{"Observation/b1"});
  EXPECT_EQ(deleted(of_group()), Keys{"Observation/b1"});
  EXPECT_EQ(deleted(since(ExportLevel::kSystem)), Keys{});
}

// M-04, R-06: of what was another's before is told to nobody who was never given it.
TEST_F(LeftScopeTest, WhatWasNeverGivenIsNotTold) {
  put_patients();
  put({group("of-c", {"c"})});
  since_ = store_->last_commit().instant;
  put({observation("a1", {"b"})});
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  // Who joins has all of it now, and nothing of what was gone by then.
  put({group("of-c", {"c", "a"})});
  EXPECT_EQ(deleted(of_group("of-c")), Keys{});
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  put({observation("back", {"b"})});
  EXPECT_EQ(deleted(of_group("of-c")), Keys{"Observation/back"});
  ExportRequest without_history = of_group("of-c");
  without_history.history_of_new_members = false;
  EXPECT_EQ(deleted(without_history), Keys{"Observation/back"});
}

// M-04: who was a member, left and came back had been given it.
TEST_F(LeftScopeTest, WhatLeftWhileThePatientWasAwayIsTold) {
  put_patients();
  put({group("of-a", {"a"})});
  since_ = store_->last_commit().instant;
  put({group("of-a", {"c"})});
  put({observation("a1", {"b"})});
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  put({group("of-a", {"a"})});
  EXPECT_EQ(deleted(of_group("of-a")), Keys{"Observation/a1"});
}

// M-04, R-06: what was the member's only while it was away was never given.
TEST_F(LeftScopeTest, WhatCameAndWentWhileThePatientWasAwayIsNotTold) {
  put_patients();
  put({group("of-a", {"a"})});
  since_ = store_->last_commit().instant;
  put({group("of-a", {"c"})});
  put({observation("b1", {"a"})});
  put({observation("b1", {"b"})});
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  put({group("of-a", {"a"})});
  EXPECT_EQ(deleted(of_group("of-a")), Keys{});
  EXPECT_EQ(outcomes(of_group("of-a")), "");
}

// M-04: an export in between may have given it.
TEST_F(LeftScopeTest, WhatCameBeforeThePatientLeftAndWentMeanwhileIsTold) {
  put_patients();
  put({group("of-a", {"a"})});
  since_ = store_->last_commit().instant;
  put({observation("b1", {"a"})});
  put({group("of-a", {"c"})});
  put({observation("b1", {"b"})});
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  put({group("of-a", {"a"})});
  EXPECT_EQ(deleted(of_group("of-a")), Keys{"Observation/b1"});
}

// M-04: so for who was a member only for a while in between.
TEST_F(LeftScopeTest, WhatWasTheirsDuringAStayInBetweenIsTold) {
  put_patients();
  put({group("of-a", {"c"})});
  since_ = store_->last_commit().instant;
  put({group("of-a", {"a"})});
  put({group("of-a", {"c"})});
  put({observation("a1", {"b"}), observation("b1", {"a"})});
  put({observation("b1", {"b"})});
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  put({group("of-a", {"a"})});
  EXPECT_EQ(deleted(of_group("of-a")), Keys{"Observation/a1"});
}

// M-04, G-05
TEST_F(LeftScopeTest, ADeviceThatIsNobodysAnyMoreHasLeftUnlessSomethingRefersToIt) {
  put_patients();
  const auto device = [](const std::string& id, const std::string& patient) {
    return simple("Device", id,
                  patient.empty()
                      ? R"(,"status":"active")"
                      : fmt::format(R"(,"patient":{{"reference":"Patient/{}"}})", patient));
  };
  put({device("used", "b"), device("unused", "b"), device("moved", "b"), device("removed", "b"),
       simple("Procedure", "p",
              R"(,"status":"completed","subject":{"reference":"Patient/b"},)"
              R"("usedReference":[{"reference":"Device/used"}])")});
  since_ = store_->last_commit().instant;
  put({device("used", ""), device("unused", ""), device("moved", "c"), device("removed", "")});
  remove("Device", "removed");
  EXPECT_EQ(deleted(of_group()), (Keys{"Device/unused", "Device/moved", "Device/removed"}));
  EXPECT_EQ(keys(run(of_group())), Keys{"Device/used"});
  EXPECT_EQ(deleted(since(ExportLevel::kPatient)), (Keys{"Device/unused", "Device/removed"}));
}

// M-04, G-05: it came as nobody's, because something refers to it.
TEST_F(LeftScopeTest, ADeviceThatGoesToAPatientOutsideOfTheExportHasLeft) {
  const auto device = [](const std::string& id, const std::string& patient) {
    return simple("Device", id,
                  patient.empty()
                      ? R"(,"status":"active")"
                      : fmt::format(R"(,"patient":{{"reference":"Patient/{}"}})", patient));
  };
  const auto use = [](const std::string& id) {
    return simple("Procedure", "of-" + id,
                  fmt::format(R"(,"status":"completed","subject":{{"reference":"Patient/b"}},)"
                              R"("usedReference":[{{"reference":"Device/{}"}}])",
                              id));
  };
  const std::vector<std::string> ids{"away", "back", "gone", "mine", "never", "twice"};
  put_patients();
  std::vector<std::string> resources;
  for (const auto& id : ids) {
    resources.push_back(device(id, id == "never" ? "c" : ""));
    resources.push_back(use(id));
  }
  resources.push_back(device("unused", ""));
  put(resources);
  since_ = store_->last_commit().instant;
  put({device("away", "c"), device("back", "c"), device("gone", "c"), device("mine", "b"),
       device("never", "a"), device("twice", "b"), device("unused", "c")});
  put({device("back", ""), device("twice", "c")});
  remove("Device", "gone");
  for (const bool is_scan : {false, true}) {
    EXPECT_EQ(keys(run(of_group())), (Keys{"Device/back", "Device/mine"}));
    EXPECT_EQ(deleted(of_group()), (Keys{"Device/away", "Device/gone", "Device/twice"}));
    if (is_scan) break;
    // Without the change log's being cheaper it is the same.
    sizes_.workers = 3;
    start();
  }
  ExportRequest of_b = since(ExportLevel::kPatient);
  of_b.patients = {"b"};
  EXPECT_EQ(deleted(of_b), (Keys{"Device/away", "Device/gone", "Device/twice"}));
  // Every patient's devices belong to an export of all patients.
  EXPECT_EQ(deleted(since(ExportLevel::kPatient)), Keys{"Device/gone"});
}

// M-04, P-09: only what has a patient is in the patients' blocks.
TEST_F(LeftScopeTest, WhatLeavesAPatientsBlockIsToldAtSystemLevelToo) {
  put_patients();
  put({simple("Observation", "free", R"(,"status":"final","code":{"text":"x"})")});
  since_ = store_->last_commit().instant;
  put({simple("Observation", "a1", R"(,"status":"final","code":{"text":"x"})")});
  remove("Observation", "b1");
  remove("Observation", "free");
  remove("Group", "g");
  remove("Practitioner", "gone");
  ExportRequest request = since(ExportLevel::kSystem);
  request.organize_by = fhir::types::kPatient;
  EXPECT_EQ(deleted(request), (Keys{"Observation/a1", "Observation/b1"}));
  request.level = ExportLevel::kPatient;
  EXPECT_EQ(deleted(request), (Keys{"Observation/a1", "Observation/b1"}));
}

// M-04, P-09: what refers to no Encounter any more has left the Encounters' blocks.
TEST_F(LeftScopeTest, WhatLosesTheElementByWhichItIsOrganizedHasLeft) {
  const auto during = [](const std::string& id, const std::string& encounter) {
    return simple(
        "Observation", id,
        R"(,"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/b"})" +
            (encounter.empty()
                 ? std::string()
                 : fmt::format(R"(,"encounter":{{"reference":"Encounter/{}"}})", encounter)));
  };
  put_patients();
  put({during("moved", "e"), during("lost", "e"), during("deleted", "e"), during("never", ""),
       during("never-deleted", "")});
  since_ = store_->last_commit().instant;
  put({during("moved", "f"), during("lost", ""), during("never", ""), during("brief", "e")});
  put({during("brief", "")});
  remove("Observation", "deleted");
  remove("Observation", "never-deleted");
  remove("Practitioner", "gone");
  for (const auto level : {ExportLevel::kSystem, ExportLevel::kPatient, ExportLevel::kGroup}) {
    ExportRequest request = of_group();
    request.level = level;
    request.organize_by = *fhir::find_resource_type("Encounter");
    EXPECT_EQ(deleted(request),
              (Keys{"Observation/lost", "Observation/brief", "Observation/deleted"}));
    EXPECT_EQ(outcomes(request), "");
  }
}

// M-04: Groups belong to exports of all patients for their members.
TEST_F(LeftScopeTest, AGroupWithoutPatientsHasLeft) {
  put_patients();
  put({group("g", {})});
  EXPECT_EQ(deleted(since(ExportLevel::kPatient)), Keys{"Group/g"});
  EXPECT_EQ(deleted(since(ExportLevel::kSystem)), Keys{});
}

}  // namespace
}  // namespace sluice::bulk
