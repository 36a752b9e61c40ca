// Of several lines of one resource the newest stays, wherever it stands (L-06).
#include "client/sync/newest_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "client/files/ndjson_lines.h"
#include "client/files/ndjson_writer.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

std::string line(const std::string& id, int second, const std::string& text,
                 const std::string& type = "Patient") {
  return R"({"resourceType":")" + type + R"(","id":")" + id +
         R"(","meta":{"lastUpdated":"2026-01-01T00:00:0)" + std::to_string(second) +
         R"(Z"},"language":")" + text + "\"}";
}

class NewestLinesTest : public testing::Test {
 protected:
  NewestLinesTest() {
    std::string name = testing::TempDir() + "newestXXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~NewestLinesTest() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::vector<std::string>& lines) {
    const auto writer = NdjsonWriter::create(folder_ / name, name.ends_with(".gz"));
    for (const auto& each : lines) ASSERT_TRUE((*writer)->append(each));
    ASSERT_TRUE((*writer)->finish());
    files_.push_back(folder_ / name);
  }
  std::vector<std::string> read(const std::string& name) {
    std::vector<std::string> lines;
    EXPECT_TRUE(each_line(folder_ / name, [&](std::string_view each) {
      lines.emplace_back(each);
      return Result<void>();
    }));
    return lines;
  }
  EachPath each() const {
    return [this](const auto& take) -> Result<void> {
      for (const auto& path : files_) SLUICE_RETURN_IF_ERROR(take(path));
      return {};
    };
  }

  fs::path folder_;
  std::vector<fs::path> files_;
};

TEST_F(NewestLinesTest, L06OneLineOfEachResourceStays) {
  write("a.ndjson", {line("1", 1, "old"), line("2", 5, "new"), line("3", 1, "only")});
  write("b.ndjson.gz", {line("1", 3, "new"), line("2", 4, "old"), line("1", 2, "older")});
  write("c.ndjson", {line("1", 1, "other", "Observation"), line("4", 1, "tie"),
                     line("4", 1, "later at a tie"), line("2", 5, "later at a tie")});
  write("d.ndjson", {line("5", 1, "only")});
  const auto untouched = fs::last_write_time(folder_ / "d.ndjson");
  const auto repeated = keep_newest_lines(each(), folder_);
  ASSERT_TRUE(repeated);
  ASSERT_EQ(repeated->size(), 1u);
  EXPECT_EQ(repeated->at("Patient").resources, 3u);
  EXPECT_EQ(repeated->at("Patient").lines, 5u);
  EXPECT_THAT(read("a.ndjson"), ElementsAre(line("3", 1, "only")));
  EXPECT_THAT(read("b.ndjson.gz"), ElementsAre(line("1", 3, "new")));
  EXPECT_THAT(read("c.ndjson"),
              ElementsAre(line("1", 1, "other", "Observation"), line("4", 1, "later at a tie"),
                          line("2", 5, "later at a tie")));
  EXPECT_EQ(fs::last_write_time(folder_ / "d.ndjson"), untouched);
  const auto again = keep_newest_lines(each(), folder_);
  ASSERT_TRUE(again);
  EXPECT_THAT(*again, IsEmpty());
  EXPECT_FALSE(fs::exists(folder_ / "lists"));
}

TEST_F(NewestLinesTest, L06WhatIsStoppedChangesNothing) {
  write("a.ndjson", {line("1", 1, "old"), line("1", 2, "new")});
  const auto stopped = keep_newest_lines(each(), folder_, [] {
    return Result<void>(Error{ErrorKind::kCancelled, "stopped"});
  });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
  EXPECT_EQ(read("a.ndjson").size(), 2u);
}

TEST_F(NewestLinesTest, L10BehindANewerVersionNoneStands) {
  write("a.ndjson", {line("1", 1, "old"), line("1", 3, "new"), line("1", 2, "older")});
  ASSERT_TRUE(drop_older_versions(files_, folder_));
  EXPECT_THAT(read("a.ndjson"), ElementsAre(line("1", 1, "old"), line("1", 3, "new")));
}

}  // namespace
}  // namespace sluice::client
