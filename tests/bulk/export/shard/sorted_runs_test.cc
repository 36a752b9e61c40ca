// Sorted runs and their merge, against a sort in memory.
#include "bulk/export/shard/sorted_runs.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <random>

#include "base/bytes.h"

namespace sluice::bulk {
namespace {

class SortedRuns : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("sluice-runs-" + random_hex(8));
    files_ = output::open_local_file_store(folder_).value();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::vector<std::string> merged(const std::vector<std::string>& names, bool& removed) {
    auto merge = RunMerge::open(*files_, "job", names, "3-00000",
                                [](std::uint64_t) { return Result<void>(); });
    EXPECT_TRUE(merge) << merge.error().message;
    std::vector<std::string> lines;
    while (true) {
      const auto line = merge->next();
      EXPECT_TRUE(line);
      if (!line || !*line) break;
      lines.emplace_back(**line);
    }
    removed = merge->remove_merged().has_value();
    return lines;
  }

  std::filesystem::path folder_;
  std::unique_ptr<output::FileStore> files_;
};

TEST_F(SortedRuns, LinesOfManyRunsComeInOrderEachInItsPart) {
  std::mt19937 random(7);
  // Far more runs than are open at once, so that they are merged in steps.
  RunWriter writer(*files_, "job", "block", "0-00000", 2000);
  std::array<std::vector<std::string>, kRunParts> expected;
  for (int i = 0; i < 6000; ++i) {
    const std::string key = fmt::format("id-{}", random() % 1500);
    const std::string line = fmt::format("{}\t{}", key, std::string(random() % 60, 'x'));
    expected.at(run_part(key)).push_back(line);
    ASSERT_TRUE(writer.add(run_part(key), line));
  }
  ASSERT_TRUE(writer.finish());
  std::array<std::vector<std::string>, kRunParts> names;
  for (const auto& run : writer.take_files()) names.at(run.part).push_back(run.name);
  for (unsigned part = 0; part < kRunParts; ++part) {
    ASSERT_GT(names.at(part).size(), 2 * RunMerge::kOpenMax);
    std::sort(expected.at(part).begin(), expected.at(part).end());
    bool removed = false;
    EXPECT_EQ(merged(names.at(part), removed), expected.at(part)) << part;
    EXPECT_TRUE(removed);
  }
  // What open() made on the way is gone.
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "job"))
    EXPECT_EQ(entry.path().filename().string().find("merged"), std::string::npos) << entry.path();
}

TEST_F(SortedRuns, ALineLargerThanTheBufferIsARunOfItsOwn) {
  RunWriter writer(*files_, "job", "block", "0-00000", 10);
  const std::string large(3'000'000, 'b');
  for (const auto& line : {std::string("c"), large, std::string("a")})
    ASSERT_TRUE(writer.add(1, line));
  ASSERT_TRUE(writer.finish());
  std::vector<std::string> names;
  for (const auto& run : writer.take_files()) names.push_back(run.name);
  bool removed = false;
  EXPECT_EQ(merged(names, removed), (std::vector<std::string>{"a", large, "c"}));
}

TEST_F(SortedRuns, NothingIsNoRun) {
  RunWriter writer(*files_, "job", "block", "0-00000");
  ASSERT_TRUE(writer.finish());
  EXPECT_TRUE(writer.take_files().empty());
  bool removed = false;
  EXPECT_TRUE(merged({}, removed).empty());
}

TEST(RunPart, IsTheSameInEveryProcess) {
  EXPECT_EQ(run_part(""), 1u);
  EXPECT_EQ(run_part("Patient/1"), 6u);
}

}  // namespace
}  // namespace sluice::bulk
