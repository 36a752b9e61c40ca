// The local copy: the newest version of each resource, deletions, names that are made twice (L-06).
#include "client/sync/local_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <random>

#include "client/files/deletion_bundle.h"
#include "client/files/ndjson_lines.h"

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

// What an export brought, or what a copy is made of.
struct Files {
  std::map<std::string, std::vector<fs::path>> outputs = {};
  std::vector<fs::path> deletions = {};

  EachCopyFile each() const {
    return [files = *this](const auto& take) -> Result<void> {
      for (const auto& [type, paths] : files.outputs)
        for (const auto& path : paths) SLUICE_RETURN_IF_ERROR(take({type, path, false, 1}));
      for (const auto& path : files.deletions)
        SLUICE_RETURN_IF_ERROR(take({"Bundle", path, true, 1}));
      return {};
    };
  }
};

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
  Files first;
  first.outputs["Patient"] = {
      write("s1", {line("a", "x"), line("n", "newer", 2), line("n", "x", 1)})};
  first.deletions = {write("d1", {deletion("Patient/b"), deletion("http://h/fhir/Patient/e")})};
  Files second;
  second.outputs["Patient"] = {write("s2", {line("a", "y"), line("b", "back")})};
  second.deletions = {write("d2", {deletion("Patient/d/_history/3"), deletion("Patient/nobody")})};
  const Files files{{{"Patient", {"Patient.00001.ndjson", "Patient.00002.ndjson"}}}};
  const auto plan = write_copy(folder_, files.each(), {first.each(), second.each()}, false);
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
  Files first;
  first.outputs["Patient"] = {write("s1", {line("b", "x")})};
  Files second;
  second.outputs["Patient"] = {write("s2", {line("a", "again")})};
  second.deletions = {write("d2", {deletion("Patient/a"), deletion("Patient/b")})};
  const auto plan = write_copy(folder_, Files{{{"Patient", {"Patient.00001.ndjson"}}}}.each(),
                               {first.each(), second.each()}, true);
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_TRUE(carry_out(folder_, *plan));
  EXPECT_THAT(read("Patient.00001.ndjson.gz"), ElementsAre(line("a", "again")));
  EXPECT_FALSE(fs::exists(folder_ / "Patient.00001.ndjson"));
}

TEST_F(LocalCopyTest, L06FilesWithoutATypeAreSharedOutByTheirLines) {
  const std::string device = R"({"resourceType":"Device","id":"x"})";
  write("resources.00001.ndjson", {line("a", "old"), device, line("b", "old")});
  Files stage;
  stage.outputs[""] = {write("s1", {line("b", "new"), R"({"resourceType":"Group","id":"g"})"})};
  const auto plan =
      write_copy(folder_, Files{{{"", {"resources.00001.ndjson"}}}}.each(), {stage.each()}, false);
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
  Files stage;
  stage.outputs["Patient"] = {write("s1", {line("a", "new"), line("c", "same"), line("d", "new")})};
  const auto list = folder_ / "gone";
  const auto plan = write_copy(
      folder_,
      Files{{{"Patient", {"Patient.00001.ndjson"}}, {"Device", {"Device.00001.ndjson"}}}}.each(),
      {stage.each()}, false, CopyMode::kWhole, list);
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
  const auto plan =
      write_copy(folder_, Files{{{"Patient", {"Patient-00001.ndjson"}}}}.each(), {}, false);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(plan->counts, IsEmpty());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(carry_out(folder_, *plan));
    EXPECT_THAT(read("Patient.00001.ndjson"), ElementsAre(line("a", "old")));
  }
}

// Random stages over a random copy, against maps in memory: in one turn, and a few resources at a
// time (L-15).
TEST_F(LocalCopyTest, L15InPartsItIsTheSameCopy) {
  std::mt19937 dice(7);
  const auto id = [&] { return "p" + std::to_string(dice() % 60); };
  for (const auto mode : {CopyMode::kChanges, CopyMode::kWhole}) {
    std::map<std::string, std::string> wanted, before;
    std::vector<std::string> old_lines;
    for (int i = 0; i < 40; ++i) {
      const auto name = id();
      if (before.emplace(name, line(name, "old")).second) old_lines.push_back(before[name]);
    }
    write("Patient.00001.ndjson", old_lines);
    if (mode == CopyMode::kChanges) wanted = before;
    std::vector<EachCopyFile> stages;
    for (int stage = 0; stage < (mode == CopyMode::kWhole ? 1 : 3); ++stage) {
      Files files;
      std::vector<std::string> deleted;
      for (int i = 0; mode == CopyMode::kChanges && i < 8; ++i) {
        const auto name = id();
        wanted.erase(name);
        deleted.push_back(deletion("Patient/" + name));
      }
      files.deletions = {write("d" + std::to_string(stage), deleted)};
      std::map<std::string, std::string> lines;
      for (int i = 0; i < 25; ++i) {
        const auto name = id();
        // Some are as they were.
        lines[name] = line(name, dice() % 3 == 0 ? "old" : "new" + std::to_string(stage));
      }
      std::vector<std::string> texts;
      for (const auto& [name, text] : lines) {
        wanted[name] = text;
        texts.push_back(text);
      }
      files.outputs["Patient"] = {write("s" + std::to_string(stage), texts)};
      stages.push_back(files.each());
    }
    const auto old = Files{{{"Patient", {"Patient.00001.ndjson"}}}}.each();
    std::vector<std::vector<std::string>> copies;
    std::vector<CopyPlan> plans;
    for (const std::uint64_t at_once : {1000u, 1u}) {
      const auto plan = write_copy(folder_, old, stages, false, mode, folder_ / "gone", at_once);
      ASSERT_TRUE(plan) << plan.error().message;
      copies.push_back(read(".sluice/Patient.00001.ndjson.new"));
      if (mode == CopyMode::kWhole) copies.push_back(read("gone"));
      plans.push_back(*plan);
    }
    std::vector<std::string> texts;
    for (const auto& [name, text] : wanted) texts.push_back(text);
    EXPECT_THAT(copies.front(), testing::UnorderedElementsAreArray(texts));
    const std::size_t half = copies.size() / 2;
    EXPECT_EQ(copies[0], copies[half]);
    for (std::size_t i = 1; i < half; ++i)
      EXPECT_THAT(copies[i], testing::UnorderedElementsAreArray(copies[half + i]));
    const auto& one = plans[0].counts.at("Patient");
    const auto& many = plans[1].counts.at("Patient");
    EXPECT_EQ(one.total, texts.size());
    EXPECT_EQ(one.added, many.added);
    EXPECT_EQ(one.updated, many.updated);
    EXPECT_EQ(one.deleted, many.deleted);
    EXPECT_EQ(one.total, many.total);
    EXPECT_EQ(plans[0].gone, plans[1].gone);
    EXPECT_EQ(plans[0].old_total, plans[1].old_total);
    EXPECT_FALSE(fs::exists(folder_ / ".sluice/lists"));
  }
}

TEST_F(LocalCopyTest, L06WhatIsNotUnderstoodIsAnErrorAndNotPassedOver) {
  for (const std::string type : {"../Patient", "a/b", "Pat.ient", "resources"}) {
    Files stage;
    stage.outputs[type] = {write("s", {line("a", "x")})};
    EXPECT_FALSE(write_copy(folder_, Files().each(), {stage.each()}, false)) << type;
    Files mixed;
    mixed.outputs[""] = {write("s", {R"({"resourceType":")" + type + R"(","id":"a"})"})};
    EXPECT_FALSE(write_copy(folder_, Files().each(), {mixed.each()}, false)) << type;
  }
  Files other;
  other.outputs["Observation"] = {write("s", {line("a", "x")})};
  EXPECT_FALSE(write_copy(folder_, Files().each(), {other.each()}, false));
  for (const std::string text : {"{}", "x", R"({"resourceType":"Patient"})"})
    EXPECT_FALSE(each_deletion(text, {})) << text;
  EXPECT_FALSE(read_line_key(R"({"resourceType":"Patient"})"));
}

// Encoders that write '+' and '/' as escapes, which JSON allows, are many.
TEST(CopyLines, EscapesMeanWhatTheyStandFor_L06) {
  const auto key = read_line_key(
      R"({"resource\u0054ype":"Patient","id":"a\u002d1","meta":{"lastUpdated":"2026-01-01T02:00:00\u002B02:00"}})");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->type, "Patient");
  EXPECT_EQ(key->id, "a-1");
  EXPECT_EQ(key->last_updated, Instant{1767225600000});
  std::vector<std::string> deleted;
  const auto taken = each_deletion(
      R"({"resourceType":"Bundle","entry":[{"request":{"m\u0065thod":"DELETE","url":"Patient\/a"}}]})",
      [&](const std::string& type, const std::string& id) {
        deleted.push_back(type + "/" + id);
        return Result<void>();
      });
  ASSERT_TRUE(taken);
  EXPECT_EQ(deleted, std::vector<std::string>{"Patient/a"});
}

}  // namespace
}  // namespace sluice::client
