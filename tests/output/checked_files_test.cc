// every byte of an output file is compared with a checksum before it is given, in each way of
// reading, and also what an earlier version wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "gzip_fixture.h"
#include "output/file_store.h"

namespace sluice::output {
namespace {

constexpr std::size_t kBlock = 4096;

class CheckedFilesTest : public testing::TestWithParam<int> {
 protected:
  int version() const { return GetParam(); }

  /// A file of about so many bytes, as the version of the parameter writes it.
  std::string write(std::size_t size) {
    const auto lines = lines_of_size(size, random_);
    write_lines(path_, lines, {.block_size = kBlock});
    if (version() == 1) turn_into_version_1(path_);
    return joined(lines);
  }

  void flip(const std::filesystem::path& path, std::uint64_t bit) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(bit / 8));
    const char byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(bit / 8));
    file.put(static_cast<char>(byte ^ (1 << bit % 8)));
  }

  /// Reads in each way: an error, or the right bytes. How many ways ended with an error.
  int expect_right_or_refused(const std::string& text, const std::string& stored) {
    const auto damaged = content_of(path_);
    const int refused = read_in_each_way(text, version() == 1 ? damaged : stored);
    // Version 1 knows of the content alone: there are bits that mean nothing to who inflates it.
    if (refused > 0 || version() == 2 || damaged == stored) return refused;
    EXPECT_TRUE(gunzip(damaged) == text);
    return 1;
  }

  int read_in_each_way(const std::string& text, const std::string& stored) {
    const auto file = SeekableGzipFile::open(path_);
    if (!file) {
      EXPECT_EQ(file.error().kind, ErrorKind::kCorrupt);
      return 4;
    }
    const std::size_t offset = random_() % (text.size() + 1);
    const std::size_t length = random_() % (text.size() + 1 - offset);
    const std::size_t step = 1 + random_() % (2 * kBlock);
    const std::size_t stored_offset = random_() % stored.size();
    const std::size_t stored_length = 1 + random_() % (stored.size() - stored_offset);
    const std::pair<Result<std::string>, std::string> reads[] = {
        {read_range(*file, 0, text.size()), text},
        {read_range(*file, offset, length, step), text.substr(offset, length)},
        {read_stored(*file, 0, stored.size(), step), stored},
        {read_stored(*file, stored_offset, stored_length, step),
         stored.substr(stored_offset, stored_length)}};
    int refused = 0;
    for (const auto& [read, expected] : reads) {
      if (read) {
        EXPECT_TRUE(*read == expected) << "wrong bytes were given";
      } else {
        EXPECT_EQ(read.error().kind, ErrorKind::kCorrupt);
        EXPECT_THAT(read.error().detail, testing::HasSubstr(path_.string()));
        ++refused;
      }
    }
    return refused;
  }

  std::mt19937_64 random_{test_seed()};
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "f";
};

INSTANTIATE_TEST_SUITE_P(Version, CheckedFilesTest, testing::Values(1, 2),
                         [](const auto& version) { return std::to_string(version.param); });

TEST_P(CheckedFilesTest, AWholeFileIsReadInEachWay) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{100}, kBlock - 1,
                                 kBlock + 1, 7 * kBlock, 40 * kBlock}) {
    SCOPED_TRACE(size);
    const auto text = write(size);
    const auto stored = content_of(path_);
    EXPECT_EQ(gunzip(stored), text);
    for (int i = 0; i < 30; ++i) EXPECT_EQ(expect_right_or_refused(text, stored), 0);
  }
}

TEST_P(CheckedFilesTest, NoFlippedBitOfASmallFileIsGiven) {
  for (const std::size_t size : {0, 60}) {
    const auto text = write(size);
    const auto stored = content_of(path_);
    for (std::uint64_t bit = 0; bit < stored.size() * 8; ++bit) {
      // Version 1 had no checksum of the identity and the number of lines in its header.
      if (version() == 1 && bit / 8 >= 16 && bit / 8 < 40) continue;
      flip(path_, bit);
      EXPECT_GE(expect_right_or_refused(text, stored), 1) << "bit " << bit;
      overwrite(path_, stored);
    }
  }
}

TEST_P(CheckedFilesTest, NoFlippedBitOfAFileOfManyBlocksIsGiven) {
  const auto text = write(12 * kBlock);
  const auto stored = content_of(path_);
  const auto index = content_of(path_.string() + ".idx");
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t bit = random_() % (stored.size() * 8);
    flip(path_, bit);
    EXPECT_GE(expect_right_or_refused(text, stored), 1) << "bit " << bit;
    overwrite(path_, stored);
  }
  for (int i = 0; i < 100; ++i) {
    flip(path_.string() + ".idx", random_() % (index.size() * 8));
    EXPECT_EQ(expect_right_or_refused(text, stored), 4);
    overwrite(path_.string() + ".idx", index);
  }
}

TEST_P(CheckedFilesTest, WhatStandsBeforeADamagedBlockIsGivenAndNothingOfIt) {
  if (version() == 1) GTEST_SKIP() << "a file without checksums is looked through as a whole";
  const auto text = write(10 * kBlock);
  const auto stored = content_of(path_);
  const auto index = *parse_gzip_index(content_of(path_.string() + ".idx"));
  flip(path_, index.blocks[5].compressed_offset * 8 + 77);
  const auto file = *SeekableGzipFile::open(path_);
  StoredReader reader(file, 0);
  InflatingReader inflating(file, 0);
  std::string as_stored, inflated;
  std::string buffer(100, '\0');
  while (const auto n = reader.read(buffer)) as_stored.append(buffer, 0, *n);
  while (const auto n = inflating.read(buffer)) inflated.append(buffer, 0, *n);
  EXPECT_EQ(as_stored, stored.substr(0, index.blocks[5].compressed_offset));
  EXPECT_EQ(inflated, text.substr(0, index.blocks[5].uncompressed_offset / 100 * 100));
  EXPECT_FALSE(reader.read(buffer)) << "and again";
}

TEST_P(CheckedFilesTest, DamageAfterTheFileWasOpenedIsNoticed) {
  const auto text = write(10 * kBlock);
  const auto stored = content_of(path_);
  const auto file = *SeekableGzipFile::open(path_);
  EXPECT_EQ(*read_stored(file, 0, stored.size()), stored);
  flip(path_, stored.size() * 4);
  EXPECT_FALSE(read_stored(file, 0, stored.size()));
  EXPECT_FALSE(read_range(file, 0, text.size()));
}

TEST_P(CheckedFilesTest, ALineLargerThanTheBufferIsCheckedWithoutMemoryForIt) {
  std::string large(3u << 20, '\0');
  for (auto& c : large) c = static_cast<char>('a' + random_() % 26);
  write_lines(path_, {"first", large, "last"}, {.block_size = kBlock});
  if (version() == 1) turn_into_version_1(path_);
  const auto stored = content_of(path_);
  EXPECT_EQ(*read_stored(*SeekableGzipFile::open(path_), 0, stored.size(), 256u << 10), stored);
  flip(path_, stored.size() * 4);
  const auto damaged = read_stored(*SeekableGzipFile::open(path_), 0, stored.size(), 256u << 10);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().kind, ErrorKind::kCorrupt);
}

TEST_P(CheckedFilesTest, AStoreLooksThroughAnOldFileOnce) {
  if (version() == 2) GTEST_SKIP() << "there is nothing to remember";
  const auto store = *open_local_file_store(folder_ / "files");
  std::filesystem::create_directory(folder_ / "files/job");
  path_ = folder_ / "files/job/f";
  write(10 * kBlock);
  const auto stored = content_of(path_);
  EXPECT_EQ(*read_stored(*store->open("job", "f"), 0, 100), stored.substr(0, 100));
  // A damage behind what is asked for would be met by who looks through all of it again.
  flip(path_, stored.size() * 8 - 100);
  EXPECT_EQ(*read_stored(*store->open("job", "f"), 0, 100), stored.substr(0, 100));
  EXPECT_FALSE(read_stored(*store->open("job", "f"), 0, stored.size())) << "but never given";
}

}  // namespace
}  // namespace sluice::output
