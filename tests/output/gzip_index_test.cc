// The index of an output file: what is written can be read, what is damaged or foreign is refused.
#include "output/gzip_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/bytes.h"
#include "gzip_fixture.h"

namespace sluice::output {
namespace {

using testing::HasSubstr;

constexpr std::size_t kCountOffset = 8 + 16 + 3 * 8;
constexpr std::size_t kBlocksOffset = kCountOffset + 8;

GzipIndex an_index() {
  return {{.lines = 30, .uncompressed_size = 3000, .compressed_size = 900},
          "0123456789abcdef",
          {{0, 0, 0, 0x01020304, 0xfffefdfc}, {1000, 300, 10, 1, 2}, {2000, 600, 20, 3, 4}}};
}

/// Gives the bytes the checksum that belongs to them.
std::string resealed(std::string bytes) {
  bytes.resize(bytes.size() - 4);
  append_be32(bytes, crc_of(bytes));
  return bytes;
}

std::string with_number(std::string bytes, std::size_t offset, std::uint64_t number) {
  std::string encoded;
  append_be64(encoded, number);
  bytes.replace(offset, 8, encoded);
  return resealed(bytes);
}

void expect_same(const GzipIndex& a, const GzipIndex& b) {
  EXPECT_EQ(a.identity, b.identity);
  EXPECT_EQ(a.info.lines, b.info.lines);
  EXPECT_EQ(a.info.uncompressed_size, b.info.uncompressed_size);
  EXPECT_EQ(a.info.compressed_size, b.info.compressed_size);
  ASSERT_EQ(a.blocks.size(), b.blocks.size());
  for (std::size_t i = 0; i < a.blocks.size(); ++i) {
    EXPECT_EQ(a.blocks[i].uncompressed_offset, b.blocks[i].uncompressed_offset);
    EXPECT_EQ(a.blocks[i].compressed_offset, b.blocks[i].compressed_offset);
    EXPECT_EQ(a.blocks[i].first_line, b.blocks[i].first_line);
    EXPECT_EQ(a.blocks[i].content_crc, b.blocks[i].content_crc);
    EXPECT_EQ(a.blocks[i].stored_crc, b.blocks[i].stored_crc);
  }
}

TEST(GzipIndex, WhatIsWrittenIsRead) {
  const auto index = an_index();
  const auto read = parse_gzip_index(serialize(index));
  ASSERT_TRUE(read);
  expect_same(*read, index);
}

// The worked example of docs/formats.md.
TEST(GzipIndex, TheBytesAreThoseThatTheDocumentationShows) {
  GzipIndex index{{.lines = 1, .uncompressed_size = 5, .compressed_size = 258},
                  "0123456789abcdef",
                  {{0, 0, 0, 0xd491916e, 0x0a0b0c0d}}};  // of "null" and a line break
  std::string expected = "SLGZIDX20123456789abcdef";
  expected += std::string("\0\0\0\0\0\0\0\1", 8) + std::string("\0\0\0\0\0\0\0\5", 8);
  expected += std::string("\0\0\0\0\0\0\1\2", 8) + std::string("\0\0\0\0\0\0\0\1", 8);
  expected += std::string(24, '\0');
  expected += "\xd4\x91\x91\x6e\x0a\x0b\x0c\x0d";
  std::string checksum;
  append_be32(checksum, crc_of(expected));
  EXPECT_EQ(to_hex(checksum), "e4e4787e");
  EXPECT_EQ(serialize(index), expected + checksum);
}

TEST(GzipIndex, AnIndexOfAnEmptyFileHasNoBlocks) {
  GzipIndex index{{}, "0123456789abcdef", {}};
  index.info.compressed_size = 20;
  const auto read = parse_gzip_index(serialize(index));
  ASSERT_TRUE(read);
  expect_same(*read, index);
}

TEST(GzipIndex, TheIndexOfAWrittenFileFitsTheFile) {  // F-02
  std::mt19937_64 random(test_seed());
  TemporaryFolder folder;
  const auto lines = lines_of_size(100'000, random);
  const auto text = joined(lines);
  write_lines(folder / "f", lines, {.block_size = 4096});
  const auto index = parse_gzip_index(content_of(folder / "f.idx"));
  ASSERT_TRUE(index);
  EXPECT_EQ(index->info.lines, lines.size());
  EXPECT_EQ(index->info.uncompressed_size, text.size());
  EXPECT_EQ(index->info.compressed_size, std::filesystem::file_size(folder / "f"));
  for (const auto& block : index->blocks) {
    // Every block begins with a line, and with the one it says.
    const auto begin = static_cast<std::ptrdiff_t>(block.uncompressed_offset);
    EXPECT_TRUE(begin == 0 || text[block.uncompressed_offset - 1] == '\n');
    EXPECT_EQ(static_cast<std::uint64_t>(std::count(text.begin(), text.begin() + begin, '\n')),
              block.first_line);
  }
}

TEST(GzipIndex, EveryTruncationIsRefused) {
  const auto bytes = serialize(an_index());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto read = parse_gzip_index(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(read) << size;
    ASSERT_EQ(read.error().kind, ErrorKind::kCorrupt);
  }
  EXPECT_FALSE(parse_gzip_index(bytes + '\0'));
}

TEST(GzipIndex, EveryFlippedBitIsRefused) {
  const auto bytes = serialize(an_index());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    ASSERT_FALSE(parse_gzip_index(damaged)) << "bit " << bit;
  }
}

TEST(GzipIndex, WhatIsImpossibleIsRefusedEvenWithARightChecksum) {
  const auto bytes = serialize(an_index());
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  ASSERT_TRUE(parse_gzip_index(resealed(bytes)));
  const auto block = [](std::size_t i, std::size_t field) {
    return kBlocksOffset + i * 32 + field * 8;
  };
  const struct {
    const char* what;
    std::size_t offset;
    std::uint64_t number;
  } cases[] = {
      {"more blocks than there are", kCountOffset, 4},
      {"fewer blocks than there are", kCountOffset, 2},
      {"so many blocks that their size overflows", kCountOffset, kMax / 8},
      {"a first block that does not begin the content", block(0, 0), 1},
      {"a first block that does not begin the file", block(0, 1), 1},
      {"a first block that does not begin the lines", block(0, 2), 1},
      {"a block that begins where the one before does", block(1, 0), 0},
      {"compressed bytes that go back", block(2, 1), 200},
      {"lines that go back", block(2, 2), 5},
      {"a block behind the content", block(2, 0), 3000},
      {"a block behind the file", block(2, 1), 900},
      {"a block behind the lines", block(2, 2), 30},
      {"a last block that would inflate to more than deflate can", kBlocksOffset - 24, kMax},
      {"a middle block that would inflate to more than deflate can", block(2, 1), 301},
      {"content in a file without bytes", kBlocksOffset - 16, 0},
  };
  for (const auto& [what, offset, number] : cases) {
    auto damaged = with_number(bytes, offset, number);
    if (std::string_view(what).starts_with("a middle"))
      damaged = with_number(damaged, block(2, 0), 2500);  // 1500 bytes out of one
    EXPECT_FALSE(parse_gzip_index(damaged)) << what;
  }
}

TEST(GzipIndex, ContentWithoutBlocksIsRefused) {
  GzipIndex index{
      {.lines = 1, .uncompressed_size = 10, .compressed_size = 30}, "0123456789abcdef", {}};
  EXPECT_FALSE(parse_gzip_index(serialize(index)));
}

TEST(GzipIndex, AnotherVersionIsRefused) {
  auto bytes = serialize(an_index());
  bytes[7] = '3';
  EXPECT_FALSE(parse_gzip_index(resealed(bytes)));
}

// ---- the index in the header ----

TEST(GzipIndex, TheHeaderOfASmallFileIsItsIndex) {
  GzipIndex index{{.lines = 2, .uncompressed_size = 50, .compressed_size = 100},
                  "0123456789abcdef",
                  {{0, 0, 0, 0, 0}}};
  const std::string data(100 - kIndexedHeaderSize, 'x');
  const auto header = serialize_header(index, crc_of(data));
  EXPECT_EQ(header.size(), kIndexedHeaderSize);
  index.blocks[0].stored_crc = crc_of(header + data);
  const auto read = parse_header(header, 100);
  ASSERT_TRUE(read);
  ASSERT_TRUE(*read);
  expect_same(**read, index);
}

TEST(GzipIndex, AForeignHeaderHasNoIndex) {
  for (const std::string& bytes :
       {std::string(), std::string("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10), std::string(56, '\0'),
        std::string("{\"resourceType\":\"Patient\",\"id\":\"not gzip at all, a line\"}")}) {
    const auto read = parse_header(bytes, 100);
    ASSERT_TRUE(read);
    EXPECT_FALSE(*read);
  }
}

TEST(GzipIndex, AHeaderThatCannotBeIsRefused) {
  const auto header = [](std::uint64_t lines, std::uint64_t size) {
    return serialize_header(
        {{.lines = lines, .uncompressed_size = size, .compressed_size = 0}, "0123456789abcdef", {}},
        0);
  };
  for (const auto& bytes : {header(0, 5), header(1, 0), header(6, 5), header(1, 1u << 30),
                            header(1, std::numeric_limits<std::uint64_t>::max())}) {
    const auto read = parse_header(bytes, 100);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, ErrorKind::kCorrupt);
  }
}

TEST(GzipIndex, EveryFlippedBitOfAHeaderIsRefusedOrNoIndex) {
  const auto header = serialize_header(
      {{.lines = 2, .uncompressed_size = 50, .compressed_size = 0}, "0123456789abcdef", {}}, 7);
  for (std::size_t bit = 0; bit < header.size() * 8; ++bit) {
    auto damaged = header;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    const auto read = parse_header(damaged, 100);
    ASSERT_TRUE(!read || !*read) << "bit " << bit;
  }
}

// ---- what version 1 wrote ----

TEST(GzipIndex, AnIndexOfVersionOneIsReadWithoutChecksums) {
  auto expected = an_index();
  const auto read = parse_gzip_index(index_of_version_1(expected));
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->has_checksums);
  for (auto& block : expected.blocks) block.content_crc = block.stored_crc = 0;
  expect_same(*read, expected);
}

// ---- files with a wrong index ----

class WrongIndex : public testing::Test {
 protected:
  void SetUp() override {
    std::mt19937_64 random(test_seed());
    write_lines(path_, lines_of_size(50'000, random), {.block_size = 4096});
    ASSERT_TRUE(SeekableGzipFile::open(path_));
  }
  void expect_corrupt() {
    const auto file = SeekableGzipFile::open(path_);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().kind, ErrorKind::kCorrupt);
    EXPECT_THAT(file.error().message, HasSubstr("output file"));
    EXPECT_THAT(file.error().detail, HasSubstr(path_.string()));
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "f";
  std::filesystem::path index_ = folder_ / "f.idx";
};

TEST_F(WrongIndex, AFileThatIsNotThereIsNotFoundEvenWhenItsIndexIs) {
  std::filesystem::remove(path_);
  EXPECT_EQ(SeekableGzipFile::open(path_).error().kind, ErrorKind::kNotFound);
}

TEST_F(WrongIndex, AMissingIndexIsDamageAndNotAMissingFile) {
  std::filesystem::remove(index_);
  expect_corrupt();
}

TEST_F(WrongIndex, ADamagedIndexIsRefused) {
  overwrite(index_, content_of(index_).substr(1));
  expect_corrupt();
}

TEST_F(WrongIndex, AnEmptyIndexIsRefused) {
  overwrite(index_, "");
  expect_corrupt();
}

TEST_F(WrongIndex, TheIndexOfAnotherFileIsRefused) {
  std::mt19937_64 random(test_seed());
  write_lines(folder_ / "g", lines_of_size(60'000, random), {.block_size = 4096});
  overwrite(index_, content_of(folder_ / "g.idx"));
  expect_corrupt();
}

TEST_F(WrongIndex, ACutFileIsRefused) {
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 1);
  expect_corrupt();
}

}  // namespace
}  // namespace sluice::output
