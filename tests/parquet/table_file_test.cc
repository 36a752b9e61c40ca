// Files that have their names only when they are whole.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <string>

#include "parquet/library.h"
#include "parquet_library.h"
#include "table_file.h"
#include "temporary_folder.h"

namespace sluice::parquet {
namespace {

const std::vector<Column> kColumns{{.name = "id", .repeats = false},
                                   {.name = "resource", .repeats = false}};

TEST(TableFile, HasItsRowsAndItsNameAtTheEnd) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "t.parquet";
  const auto file = TableFile::create(path, kColumns).value();
  for (int i = 0; i < 3; ++i) {
    file->table().add_text(0, std::to_string(i));
    ASSERT_TRUE(file->table().end_row());
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(file->finish());
  EXPECT_EQ(count_rows(path).value(), 3U);
  EXPECT_EQ(std::filesystem::file_size(path), file->table().size());
}

TEST(TableFile, ThatIsGivenUpLeavesNothing) {
  const TemporaryFolder folder;
  {
    const auto file = TableFile::create(folder.path() / "t.parquet", kColumns).value();
    file->table().add_text(0, "a");
    ASSERT_TRUE(file->table().end_row());
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// A limit on the size of files stops writes as a full disk does.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t size) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{size, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST(TableFile, AFullDiskIsTheErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  {
    const FileSizeLimit limit(64u << 10);
    const auto file = TableFile::create(folder.path() / "t.parquet", kColumns,
                                        {.group_size = 32u << 10, .batch_size = 4u << 10})
                          .value();
    Result<void> result;
    std::uint32_t seed = 1;
    for (int i = 0; i < 100'000 && result; ++i) {
      std::string noise;  // which zstd cannot make small
      for (int k = 0; k < 64; ++k)
        noise += static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
      file->table().add_text(1, noise);
      result = file->table().end_row();
    }
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::kStorage);
    EXPECT_FALSE(file->finish());
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace sluice::parquet
