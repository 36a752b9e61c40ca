// Any range of an output file's content without the rest: equal to the slice, damage is noticed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gzip_fixture.h"
#include "output/gzip_index.h"
#include "output/seekable_gzip.h"

namespace sluice::output {
namespace {

constexpr std::size_t kBlock = 4096;

TEST(InflatingReader, RandomRangesEqualTheSliceOfTheContent) {  // F-03
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  const std::size_t sizes[] = {0,          1,          kBlock - 1,     kBlock,
                               kBlock + 1, 2 * kBlock, 3 * kBlock - 1, 7 * kBlock + 1,
                               50 * kBlock};
  for (const std::size_t size : sizes) {
    SCOPED_TRACE(size);
    const auto lines = lines_of_size(size, random);
    const auto text = joined(lines);
    write_lines(folder / "f", lines, {.block_size = kBlock});
    const auto file = *SeekableGzipFile::open(folder / "f");
    EXPECT_EQ(*read_range(file, 0, size), text);
    for (int i = 0; i < 60; ++i) {
      const std::size_t offset = random() % (size + 1);
      const std::size_t length = random() % (size - offset + 1);
      const std::size_t step = 1 + random() % (2 * kBlock);
      const auto range = read_range(file, offset, length, step);
      ASSERT_TRUE(range);
      ASSERT_EQ(*range, text.substr(offset, length)) << offset << " " << length << " " << step;
    }
  }
}

TEST(InflatingReader, RangesAroundEveryBlockBoundaryAreExact) {  // F-03
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  const auto lines = lines_of_size(10 * kBlock, random);
  const auto text = joined(lines);
  write_lines(folder / "f", lines, {.block_size = kBlock});
  const auto file = *SeekableGzipFile::open(folder / "f");
  const auto index = parse_gzip_index(content_of(folder / "f.idx"));
  ASSERT_TRUE(index);
  for (const auto& block : index->blocks)
    for (const std::uint64_t before : {0, 1, 2}) {
      if (block.uncompressed_offset < before) continue;
      const std::size_t offset = block.uncompressed_offset - before;
      for (const std::size_t length : {1, 2, 3, 100})
        ASSERT_EQ(*read_range(file, offset, length, 1), text.substr(offset, length));
    }
}

TEST(InflatingReader, AtAndBehindTheEndThereIsNothing) {
  TemporaryFolder folder;
  write_lines(folder / "f", {"abc"});
  const auto file = *SeekableGzipFile::open(folder / "f");
  char buffer[8];
  for (const std::uint64_t offset : {4u, 5u, 1'000'000u}) {
    InflatingReader reader(file, offset);
    EXPECT_EQ(*reader.read(buffer), 0u);
    EXPECT_EQ(*reader.read(buffer), 0u);
  }
}

TEST(InflatingReader, AnEmptyFileReadsAsEmpty) {
  TemporaryFolder folder;
  write_lines(folder / "f", {});
  const auto file = *SeekableGzipFile::open(folder / "f");
  EXPECT_EQ(file->info().lines, 0u);
  EXPECT_EQ(*read_range(file, 0, 10), "");
}

TEST(InflatingReader, ADownloadGoesOnAfterItsFileWasRemoved) {  // F-03
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  const auto lines = lines_of_size(5 * kBlock, random);
  write_lines(folder / "f", lines, {.block_size = kBlock});
  const auto file = *SeekableGzipFile::open(folder / "f");
  std::filesystem::remove_all(folder.path());
  EXPECT_EQ(*read_range(file, 0, 5 * kBlock), joined(lines));
}

TEST(InflatingReader, TwoReadersOfOneFileDoNotDisturbEachOther) {
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  const auto lines = lines_of_size(4 * kBlock, random);
  const auto text = joined(lines);
  write_lines(folder / "f", lines, {.block_size = kBlock});
  const auto file = *SeekableGzipFile::open(folder / "f");
  InflatingReader first(file, 0);
  InflatingReader second(file, 2 * kBlock + 7);
  std::string a, b;
  char buffer[500];
  for (int i = 0; i < 10; ++i) {
    a.append(buffer, *first.read(buffer));
    b.append(buffer, *second.read(buffer));
  }
  EXPECT_EQ(a, text.substr(0, 5000));
  EXPECT_EQ(b, text.substr(2 * kBlock + 7, 5000));
}

TEST(InflatingReader, ADamagedBlockIsAnErrorEachTimeAndNeverOtherBytes) {
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  const auto lines = lines_of_size(6 * kBlock, random);
  const auto text = joined(lines);
  write_lines(folder / "f", lines, {.block_size = kBlock});
  const auto index = *parse_gzip_index(content_of(folder / "f.idx"));
  auto bytes = content_of(folder / "f");
  // 7 begins a block of the type that does not exist.
  bytes[index.blocks[2].compressed_offset] = 7;
  overwrite(folder / "f", bytes);
  const auto file = *SeekableGzipFile::open(folder / "f");
  const auto whole = index.blocks[2].uncompressed_offset;
  EXPECT_EQ(*read_range(file, 0, whole), text.substr(0, whole));
  InflatingReader reader(file, whole - 10);
  std::string buffer(100, '\0');
  for (int i = 0; i < 3; ++i) {
    const auto read = reader.read(buffer);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, ErrorKind::kCorrupt);
  }
  const auto behind = index.blocks[3].uncompressed_offset;
  EXPECT_EQ(*read_range(file, behind, 100), text.substr(behind, 100));
}

TEST(InflatingReader, RandomDamageNeverCrashesAndNeverGivesMoreThanWasAsked) {
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  const std::size_t size = 6 * kBlock;
  write_lines(folder / "f", lines_of_size(size, random), {.block_size = kBlock});
  const auto bytes = content_of(folder / "f");
  for (int i = 0; i < 300; ++i) {
    auto damaged = bytes;
    for (std::uint64_t n = 1 + random() % 5; n > 0; --n)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    overwrite(folder / "f", damaged);
    const auto file = SeekableGzipFile::open(folder / "f");
    if (!file) continue;
    const auto read = read_range(*file, random() % size, size);
    EXPECT_TRUE(!read || read->size() <= size);
  }
}

TEST(InflatingReader, AFileCutWhileItIsOpenIsAnError) {
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  write_lines(folder / "f", lines_of_size(6 * kBlock, random), {.block_size = kBlock});
  const auto file = *SeekableGzipFile::open(folder / "f");
  std::filesystem::resize_file(folder / "f", 3000);
  const auto read = read_range(file, 0, 6 * kBlock);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::kCorrupt);
}

TEST(InflatingReader, AFileOfManyBlocksIsReadInSmallSteps) {  // F-08
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  const auto lines = lines_of_size(3u << 20, random);
  write_lines(folder / "f", lines, {.block_size = 64u << 10});
  const auto file = *SeekableGzipFile::open(folder / "f");
  EXPECT_EQ(*read_range(file, 0, 3u << 20, 1000), joined(lines));
}

}  // namespace
}  // namespace sluice::output
