// Writing output files: one valid gzip member, whole under its name or not there at all.
#include "output/seekable_gzip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gzip_fixture.h"
#include "output/gzip_index.h"

namespace sluice::output {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kBlock = 4096;
constexpr std::size_t kSizes[] = {0,
                                  1,
                                  2,
                                  100,
                                  kBlock - 1,
                                  kBlock,
                                  kBlock + 1,
                                  2 * kBlock,
                                  2 * kBlock - 1,
                                  2 * kBlock + 1,
                                  20 * kBlock};

TEST(SeekableGzip, AFileIsOneValidGzipMemberOfTheLinesWhateverTheirSize) {  // F-02
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  for (const std::size_t size : kSizes) {
    SCOPED_TRACE(size);
    const auto lines = lines_of_size(size, random);
    const auto path = folder / "f.ndjson.gz";
    const auto info = write_lines(path, lines, {.block_size = kBlock});
    const auto bytes = content_of(path);
    EXPECT_EQ(gunzip(bytes), joined(lines));
    EXPECT_EQ(info.lines, lines.size());
    EXPECT_EQ(info.uncompressed_size, size);
    EXPECT_EQ(info.compressed_size, bytes.size());
  }
}

TEST(SeekableGzip, EveryLevelWritesValidFiles) {
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  const auto lines = lines_of_size(300'000, random);
  for (int level = 0; level <= 3; ++level) {
    SCOPED_TRACE(level);
    const auto path = folder / std::to_string(level);
    write_lines(path, lines, {.block_size = 64u << 10, .level = level});
    EXPECT_EQ(gunzip(content_of(path)), joined(lines));
  }
}

TEST(SeekableGzip, EveryLineEndsWithOneLineBreakAndBytesStayAsTheyAre) {  // F-01
  TemporaryFolder folder;
  const std::string bytes("{\"a\":1.50,\"b\":\"\xc3\xa9 \\u00e9 \0 \r\"}", 29);
  const auto info = write_lines(folder / "f", {bytes, "{}"});
  EXPECT_EQ(gunzip(content_of(folder / "f")), bytes + "\n{}\n");
  EXPECT_EQ(info.lines, 2u);
}

TEST(SeekableGzip, ALineLargerThanSeveralBlocksIsOneBlock) {
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  std::string large(10 * kBlock, '\0');
  for (auto& c : large) c = static_cast<char>('a' + random() % 26);
  const std::vector<std::string> lines{"first", large, "last"};
  write_lines(folder / "f", lines, {.block_size = kBlock});
  EXPECT_EQ(gunzip(content_of(folder / "f")), joined(lines));
  const auto index = parse_gzip_index(content_of(folder / "f.idx"));
  ASSERT_TRUE(index);
  ASSERT_EQ(index->blocks.size(), 2u);
  EXPECT_EQ(index->blocks[1].first_line, 2u);
  EXPECT_EQ(index->blocks[1].uncompressed_offset, 6 + large.size() + 1);
}

TEST(SeekableGzip, TheInfoCountsLinesAndBytesWhileTheyAreAppended) {
  TemporaryFolder folder;
  auto writer = *SeekableGzipWriter::create(folder / "f");
  EXPECT_EQ(writer->info().lines, 0u);
  ASSERT_TRUE(writer->append_line("abc"));
  ASSERT_TRUE(writer->append_line(""));
  EXPECT_EQ(writer->info().lines, 2u);
  EXPECT_EQ(writer->info().uncompressed_size, 5u);
  EXPECT_EQ(writer->info().compressed_size, 0u);
}

TEST(SeekableGzip, NothingHasTheNameBeforeTheFileIsWhole) {  // F-04
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  auto writer = *SeekableGzipWriter::create(folder / "f", {.block_size = kBlock});
  for (const auto& line : lines_of_size(5 * kBlock, random)) {
    ASSERT_TRUE(writer->append_line(line));
    ASSERT_FALSE(std::filesystem::exists(folder / "f"));
    ASSERT_FALSE(std::filesystem::exists(folder / "f.idx"));
  }
  EXPECT_EQ(SeekableGzipFile::open(folder / "f").error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(writer->finish());
  EXPECT_THAT(names_in(folder.path()), ElementsAre("f", "f.idx"));
  EXPECT_TRUE(SeekableGzipFile::open(folder / "f"));
}

TEST(SeekableGzip, AWriterThatDoesNotFinishLeavesNothingBehind) {  // F-04
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  {
    auto writer = *SeekableGzipWriter::create(folder / "f", {.block_size = kBlock});
    for (const auto& line : lines_of_size(5 * kBlock, random))
      ASSERT_TRUE(writer->append_line(line));
    EXPECT_THAT(names_in(folder.path()), ElementsAre(".f.tmp"));
  }
  EXPECT_THAT(names_in(folder.path()), IsEmpty());
}

TEST(SeekableGzip, AnEarlierFileOfTheNameStaysWholeUntilTheNewOneIs) {  // F-04
  TemporaryFolder folder;
  write_lines(folder / "f", {"old"});
  {
    auto writer = *SeekableGzipWriter::create(folder / "f");
    ASSERT_TRUE(writer->append_line("given up"));
  }
  EXPECT_EQ(gunzip(content_of(folder / "f")), "old\n");
  write_lines(folder / "f", {"new"});
  EXPECT_EQ(gunzip(content_of(folder / "f")), "new\n");
}

TEST(SeekableGzip, AFolderThatIsNotThereIsAnError) {
  TemporaryFolder folder;
  const auto writer = SeekableGzipWriter::create(folder / "missing/f");
  ASSERT_FALSE(writer);
  EXPECT_THAT(writer.error().detail, HasSubstr("missing"));
}

TEST(SeekableGzip, AWriteThatTheDiskRefusesIsReportedAndLeavesNothing) {
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  {
    const FileSizeLimit full(2 * kBlock);
    auto writer = *SeekableGzipWriter::create(folder / "f", {.block_size = kBlock});
    Result<void> written;
    for (const auto& line : lines_of_size(50 * kBlock, random))
      if (written = writer->append_line(line); !written) break;
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().kind, ErrorKind::kStorage);
    EXPECT_THAT(written.error().detail, HasSubstr("cannot write"));
    EXPECT_FALSE(writer->finish());
  }
  EXPECT_THAT(names_in(folder.path()), IsEmpty());
}

TEST(SeekableGzip, AfterARefusedWriteTheFileIsLostEvenWhenThereIsRoomAgain) {  // F-04
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  auto writer = *SeekableGzipWriter::create(folder / "f", {.block_size = kBlock});
  const auto lines = lines_of_size(50 * kBlock, random);
  std::size_t i = 0;
  {
    const FileSizeLimit full(2 * kBlock);
    while (i < lines.size() && writer->append_line(lines[i])) ++i;
    ASSERT_LT(i, lines.size());
  }
  EXPECT_FALSE(writer->append_line("more"));
  EXPECT_FALSE(writer->finish());
  writer.reset();
  EXPECT_THAT(names_in(folder.path()), IsEmpty());
}

TEST(SeekableGzip, ADiskThatIsFullAtTheEndIsReportedByFinish) {  // F-04
  TemporaryFolder folder;
  auto writer = *SeekableGzipWriter::create(folder / "f");
  ASSERT_TRUE(writer->append_line("a small file"));
  const FileSizeLimit full(20);
  const auto finished = writer->finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().kind, ErrorKind::kStorage);
  EXPECT_FALSE(writer->finish()) << "not even a second time";
  EXPECT_FALSE(std::filesystem::exists(folder / "f"));
}

TEST(SeekableGzip, ADiskWithoutRoomForTheIndexIsReportedByFinish) {  // F-04
  TemporaryFolder folder;
  // Blocks of one short line each: their index is larger than they are.
  auto writer = *SeekableGzipWriter::create(folder / "f", {.block_size = 1});
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(writer->append_line("x"));
  const FileSizeLimit full(writer->info().compressed_size + 500);
  const auto finished = writer->finish();
  ASSERT_FALSE(finished);
  EXPECT_THAT(finished.error().detail, HasSubstr("idx"));
  EXPECT_FALSE(std::filesystem::exists(folder / "f"));
  EXPECT_FALSE(std::filesystem::exists(folder / "f.idx"));
}

TEST(SeekableGzip, AFilesIdentityIsItsOwnAndStays) {  // F-02
  TemporaryFolder folder;
  write_lines(folder / "a", {"same"});
  write_lines(folder / "b", {"same"});
  const auto first = *SeekableGzipFile::open(folder / "a");
  EXPECT_EQ((*SeekableGzipFile::open(folder / "a"))->identity(), first->identity());
  EXPECT_NE((*SeekableGzipFile::open(folder / "b"))->identity(), first->identity());
  EXPECT_THAT(first->identity(), testing::MatchesRegex("[0-9a-f]{32}"));
}

}  // namespace
}  // namespace sluice::output
