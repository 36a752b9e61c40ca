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
  RepeatedByType repeated;
  const auto note = [&](const RepeatedByType& found) {
    repeated = found;
    EXPECT_EQ(read("a.ndjson").size(), 3u);  // nothing was changed yet
    return Result<void>();
  };
  ASSERT_TRUE(keep_newest_lines(each(), folder_, {{}, note}));
  ASSERT_EQ(repeated.size(), 1u);
  EXPECT_EQ(repeated.at("Patient").resources, 3u);
  EXPECT_EQ(repeated.at("Patient").lines, 5u);
  EXPECT_THAT(read("a.ndjson"), ElementsAre(line("3", 1, "only")));
  EXPECT_THAT(read("b.ndjson.gz"), ElementsAre(line("1", 3, "new")));
  EXPECT_THAT(read("c.ndjson"),
              ElementsAre(line("1", 1, "other", "Observation"), line("4", 1, "later at a tie"),
                          line("2", 5, "later at a tie")));
  EXPECT_EQ(fs::last_write_time(folder_ / "d.ndjson"), untouched);
  ASSERT_TRUE(keep_newest_lines(each(), folder_, {{}, [&](const RepeatedByType& found) {
                                                    EXPECT_THAT(found, IsEmpty());
                                                    return Result<void>();
                                                  }}));
  EXPECT_FALSE(fs::exists(folder_ / "lists"));
}

TEST_F(NewestLinesTest, L15NotEachOfAMillionTypesIsCountedApart) {
  std::vector<std::string> lines;
  for (int i = 0; i < 3000; ++i) {
    std::string type = "T";
    for (int rest = i; rest > 0; rest /= 26) type += static_cast<char>('a' + rest % 26);
    lines.insert(lines.end(), 2, line("1", 1, "x", type));
  }
  write("a.ndjson", lines);
  RepeatedByType repeated;
  ASSERT_TRUE(keep_newest_lines(each(), folder_, {{}, [&](const RepeatedByType& found) {
                                                    repeated = found;
                                                    return Result<void>();
                                                  }}));
  EXPECT_EQ(repeated.size(), 2001u);
  EXPECT_EQ(repeated.at("(others)").resources, 1000u);
  EXPECT_EQ(read("a.ndjson").size(), 3000u);
}

TEST_F(NewestLinesTest, L06WhatIsStoppedChangesNothing) {
  write("a.ndjson", {line("1", 1, "old"), line("1", 2, "new")});
  NewestLinesEvents events;
  events.check = [] { return Result<void>(Error{ErrorKind::kCancelled, "stopped"}); };
  const auto stopped = keep_newest_lines(each(), folder_, events);
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
