// Without the library: this program has none beside it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "parquet/library.h"
#include "table_file.h"
#include "temporary_folder.h"

namespace sluice::parquet {
namespace {

TEST(Library, ThatIsNotThereIsNamed) {
  const auto missing = library();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(missing.error().message,
              testing::StartsWith("Parquet is not available: there is no libsluice_parquet.so"));
}

TEST(Library, ATableWithoutItLeavesNoFile) {
  const TemporaryFolder folder;
  const auto file = TableFile::create(folder.path() / "t.parquet", {{.name = "id"}});
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, ErrorKind::kUnsupported);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace sluice::parquet
