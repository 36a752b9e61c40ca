// The local copy: the newest version of each resource, deletions, names that are made twice (L-06).
#include "client/local_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "client/ndjson_lines.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

std::string line(const std::string& id, const std::string& text, int second = 0) {
  return R"({"resourceType":"Patient","id":")" + id +
         R"(","meta":{"lastUpdated":"2026-01-01T00:00:0)" + std::to_string(second) +
         R"(Z"},"language":")" + text + "\"}";
}
std::string deletion(const std::string& url) {
  return R"({"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":")" +
         url + "\"}}]}";
}

class LocalCopyTest : public testing::Test {
 protected:
  LocalCopyTest() {
    std::string name = testing::TempDir() + "copyXXXXXX";
    folder_ = ::mkdtemp(name.data());
    fs::create_directory(folder_ / ".sluice");
  }
  ~LocalCopyTest() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::vector<std::string>& lines) {
    std::ofstream out(folder_ / name);
    for (const auto& text : lines) out << text << '\n';
    return folder_ / name;
  }
  std::vector<std::string> read(const std::string& name) {
    std::vector<std::string> lines;
    const auto done = each_line(folder_ / name, [&](std::string_view text) -> Result<void> {
      lines.emplace_back(text);
      return {};
    });
    EXPECT_TRUE(done) << name;
    return lines;
  }

  fs::path folder_;
};

TEST_F(LocalCopyTest, L06TheNewestVersionCountsAndDeletedOnesGo) {
  write("Patient.00001.ndjson", {line("a", "old"), line("b", "old")});
  write("Patient.00002.ndjson", {line("c", "old"), line("d", "old"), line("e", "old")});
  CopyStage first;
  first.outputs["Patient"] = {
      write("s1", {line("a", "x"), line("n", "newer", 2), line("n", "x", 1)})};
  first.deletions = {write("d1", {deletion("Patient/b"), deletion("http://h/fhir/Patient/e")})};
  CopyStage second;
  second.outputs["Patient"] = {write("s2", {line("a", "y"), line("b", "back")})};
  second.deletions = {write("d2", {deletion("Patient/d/_history/3"), deletion("Patient/nobody")})};
  const CopyFiles files{{"Patient", {"Patient.00001.ndjson", "Patient.00002.ndjson"}}};
  const auto plan = write_copy(folder_, files, {first, second}, false);
  ASSERT_TRUE(plan) << plan.error().message;
  // Nothing is touched before the plan is carried out.
  EXPECT_EQ(read("Patient.00001.ndjson").size(), 2u);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(carry_out(folder_, *plan));
    EXPECT_THAT(read("Patient.00001.ndjson"), ElementsAre(line("c", "old"), line("n", "newer", 2),
                                                          line("a", "y"), line("b", "back")));
    EXPECT_FALSE(fs::exists(folder_ / "Patient.00002.ndjson"));
  }
  EXPECT_THAT(plan->files, ElementsAre(Pair("Patient", ElementsAre("Patient.00001.ndjson"))));
  const auto& counts = plan->counts.at("Patient");
  EXPECT_EQ(counts.added, 1u);
  EXPECT_EQ(counts.updated, 2u);
  EXPECT_EQ(counts.deleted, 2u);
  EXPECT_EQ(counts.total, 4u);
}

TEST_F(LocalCopyTest, L06ADeletionCountsLessThanALaterVersionAndMoreThanAnEarlierOne) {
  write("Patient.00001.ndjson", {line("a", "old"), line("b", "old")});
  CopyStage first;
  first.outputs["Patient"] = {write("s1", {line("b", "x")})};
  CopyStage second;
  second.outputs["Patient"] = {write("s2", {line("a", "again")})};
  second.deletions = {write("d2", {deletion("Patient/a"), deletion("Patient/b")})};
  const auto plan =
      write_copy(folder_, {{"Patient", {"Patient.00001.ndjson"}}}, {first, second}, true);
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_TRUE(carry_out(folder_, *plan));
  EXPECT_THAT(read("Patient.00001.ndjson.gz"), ElementsAre(line("a", "again")));
  EXPECT_FALSE(fs::exists(folder_ / "Patient.00001.ndjson"));
}

TEST_F(LocalCopyTest, L06FilesWithoutATypeAreSharedOutByTheirLines) {
  const std::string device = R"({"resourceType":"Device","id":"x"})";
  write("resources.00001.ndjson", {line("a", "old"), device, line("b", "old")});
  CopyStage stage;
  stage.outputs[""] = {write("s1", {line("b", "new"), R"({"resourceType":"Group","id":"g"})"})};
  const auto plan = write_copy(folder_, {{"", {"resources.00001.ndjson"}}}, {stage}, false);
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_TRUE(carry_out(folder_, *plan));
  EXPECT_THAT(read("Patient.00001.ndjson"), ElementsAre(line("a", "old"), line("b", "new")));
  EXPECT_THAT(read("Device.00001.ndjson"), ElementsAre(device));
  EXPECT_EQ(read("Group.00001.ndjson").size(), 1u);
  EXPECT_FALSE(fs::exists(folder_ / "resources.00001.ndjson"));
  EXPECT_EQ(plan->files.size(), 3u);
}

TEST_F(LocalCopyTest, L06WhatAWholeExportDoesNotHaveIsGone) {
  write("Patient.00001.ndjson", {line("a", "old"), line("b", "old"), line("c", "same"), "{\"cut"});
  write("Device.00001.ndjson", {R"({"resourceType":"Device","id":"x"})"});
  CopyStage stage;
  stage.outputs["Patient"] = {write("s1", {line("a", "new"), line("c", "same"), line("d", "new")})};
  const auto list = folder_ / "gone";
  const auto plan = write_copy(
      folder_, {{"Patient", {"Patient.00001.ndjson"}}, {"Device", {"Device.00001.ndjson"}}},
      {stage}, false, CopyMode::kWhole, list);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->old_total, 5u);
  EXPECT_EQ(plan->gone, 3u) << "b, the line that is none, the Device";
  EXPECT_THAT(read("gone"), ElementsAre("Device/x", "Patient/b"));
  const auto& counts = plan->counts.at("Patient");
  EXPECT_EQ(counts.added, 1u);
  EXPECT_EQ(counts.updated, 1u) << "c is the same";
  EXPECT_EQ(counts.deleted, 2u);
  ASSERT_TRUE(carry_out(folder_, *plan));
  EXPECT_THAT(read("Patient.00001.ndjson"),
              ElementsAre(line("a", "new"), line("c", "same"), line("d", "new")));
  EXPECT_EQ(read("Device.00001.ndjson").size(), 0u);
}

TEST_F(LocalCopyTest, L06WithoutChangesAFileIsOnlyRenamed) {
  write("Patient-00001.ndjson", {line("a", "old")});  // as it was called once
  const auto plan = write_copy(folder_, {{"Patient", {"Patient-00001.ndjson"}}}, {}, false);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(plan->counts, IsEmpty());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(carry_out(folder_, *plan));
    EXPECT_THAT(read("Patient.00001.ndjson"), ElementsAre(line("a", "old")));
  }
}

TEST_F(LocalCopyTest, L06WhatIsNotUnderstoodIsAnErrorAndNotPassedOver) {
  for (const std::string type : {"../Patient", "a/b", "Pat.ient"}) {
    CopyStage stage;
    stage.outputs[type] = {write("s", {line("a", "x")})};
    EXPECT_FALSE(write_copy(folder_, {}, {stage}, false)) << type;
    CopyStage mixed;
    mixed.outputs[""] = {write("s", {R"({"resourceType":")" + type + R"(","id":"a"})"})};
    EXPECT_FALSE(write_copy(folder_, {}, {mixed}, false)) << type;
  }
  CopyStage other;
  other.outputs["Observation"] = {write("s", {line("a", "x")})};
  EXPECT_FALSE(write_copy(folder_, {}, {other}, false));
  for (const std::string text :
       {"{}", "x", R"({"resourceType":"Bundle","entry":[{}]})", R"({"resourceType":"Patient"})"})
    EXPECT_FALSE(read_deletions(text)) << text;
  EXPECT_FALSE(read_line_key(R"({"resourceType":"Patient"})"));
}

}  // namespace
}  // namespace sluice::client
