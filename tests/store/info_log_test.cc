// RocksDB's own log on our disk.
#include "store/rocksdb/info_log.h"

#include <gtest/gtest.h>

#include <string>

#include "base/file.h"
#include "temporary_folder.h"

namespace sluice::store {
namespace {

TEST(InfoLog, HasWarningsAndErrorsWithTheirTime) {
  const TemporaryFolder folder;
  InfoLog log(folder.path());
  rocksdb::Info(&log, "nothing of %s", "interest");
  rocksdb::Warn(&log, "a file is %d bytes short", 7);
  const std::string text = read_file(folder / "LOG").value();
  EXPECT_NE(text.find("Z [WARN] a file is 7 bytes short\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("interest"), std::string::npos);
}

TEST(InfoLog, KeepsTheFileBeforeAndNoMore) {
  const TemporaryFolder folder;
  InfoLog log(folder.path());
  const std::string line(1000, 'x');
  for (int i = 0; i < 2500; ++i) rocksdb::Error(&log, "%s", line.c_str());
  for (const char* const name : {"LOG", "LOG.old"}) {
    EXPECT_GT(read_file(folder / name).value().size(), 100'000u) << name;
    EXPECT_LE(read_file(folder / name).value().size(), InfoLog::kSizeMax + 2000) << name;
  }
}

TEST(InfoLog, LinesThatCannotBeWrittenAreLeftOut) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("/dev/full", folder / "LOG");
  InfoLog log(folder.path());
  for (int i = 0; i < 10; ++i) rocksdb::Error(&log, "%d", i);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "LOG"));
  const InfoLog without_a_folder(folder / "none");
}

}  // namespace
}  // namespace sluice::store
