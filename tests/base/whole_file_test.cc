// What other processes and names do to a file that is written as a whole.
#include "base/whole_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "temporary_folder.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

class WholeFileTest : public testing::Test {
 protected:
  fs::path path(const char* name) const { return folder_.path() / name; }
  static void put(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }
  static void write(const fs::path& path, std::string_view text) {
    auto file = WholeFile::create(path).value();
    file->write(text).value();
    file->finish().value();
  }

  TemporaryFolder folder_;
};

TEST_F(WholeFileTest, IsWrittenByOneAtATime) {
  auto first = WholeFile::create(path("t")).value();
  first->write("whole").value();
  const auto second = WholeFile::create(path("t"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  first->finish().value();
  EXPECT_EQ(read_file(path("t")).value(), "whole");
  EXPECT_TRUE(WholeFile::create(path("t"))) << "the first is done";
}

TEST_F(WholeFileTest, TakesThePlaceOfWhatAKilledProcessLeft) {
  put(path("t.part"), "something longer than what comes");
  write(path("t"), "new");
  EXPECT_EQ(read_file(path("t")).value(), "new");
  EXPECT_FALSE(fs::exists(path("t.part")));
}

TEST_F(WholeFileTest, FollowsALinkAndKeepsIt) {
  fs::create_directory(path("elsewhere"));
  fs::create_symlink("elsewhere/t", path("link"));
  write(path("link"), "first");
  write(path("link"), "second");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(read_file(path("elsewhere/t")).value(), "second");
}

TEST_F(WholeFileTest, WritesIntoAPipeAndLeavesIt) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const FileDescriptor reader(::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  write(path("pipe"), "bytes");
  char buffer[16] = {};
  EXPECT_EQ(::read(reader.get(), buffer, sizeof buffer), 5);
  EXPECT_STREQ(buffer, "bytes");
  EXPECT_TRUE(fs::is_fifo(path("pipe")));
}

TEST_F(WholeFileTest, IsNoFolder) {
  const auto file = WholeFile::create(folder_.path());
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace sluice
