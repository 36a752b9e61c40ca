// Files that are stored as they are written: whole or not there, and no byte unchecked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "gzip_fixture.h"
#include "output/file_store.h"
#include "output/gzip_index.h"

namespace sluice::output {
namespace {

constexpr std::size_t kBlock = 1000;

class RawFileTest : public testing::Test {
 protected:
  void SetUp() override { store_ = *open_local_file_store(folder_.path(), {.block_size = kBlock}); }

  std::string noise(std::size_t size) {
    std::string bytes;
    while (bytes.size() < size) bytes += static_cast<char>(random_());
    return "PAR1" + bytes.substr(4);
  }
  /// In pieces of many sizes.
  void write(const std::string& bytes) {
    const auto writer = *store_->create_raw("job", "f.parquet");
    for (std::size_t at = 0; at < bytes.size();) {
      const std::string piece = bytes.substr(at, random_() % (3 * kBlock));
      ASSERT_TRUE(writer->append(piece));
      at += piece.size();
    }
    ASSERT_TRUE(writer->finish());
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "job" / "f.parquet";
  std::unique_ptr<FileStore> store_;
  std::mt19937_64 random_{test_seed()};
};

TEST_F(RawFileTest, IsTheBytesThatWereWrittenFromAnyOffset) {
  for (const std::size_t size : {4u, 999u, 1000u, 1001u, 2000u, 54321u}) {
    const std::string bytes = noise(size);
    write(bytes);
    EXPECT_EQ(content_of(path_), bytes);
    const auto file = *store_->open("job", "f.parquet");
    EXPECT_TRUE(file->is_raw());
    EXPECT_EQ(file->info().compressed_size, size);
    EXPECT_EQ(file->info().uncompressed_size, size);
    EXPECT_EQ(file->info().lines, 0u);
    for (int i = 0; i < 20; ++i) {
      const std::size_t offset = random_() % size;
      const std::size_t length = 1 + random_() % (size - offset);
      EXPECT_EQ(read_stored(file, offset, length, 1 + random_() % 3000).value(),
                bytes.substr(offset, length));
    }
  }
}

TEST_F(RawFileTest, HasItsNameOnlyWhenItIsWhole) {  // F-04
  const auto is_there = [&] { return store_->open("job", "f.parquet").has_value(); };
  auto writer = *store_->create_raw("job", "f.parquet");
  ASSERT_TRUE(writer->append(noise(5000)));
  ASSERT_TRUE(writer->close());
  EXPECT_FALSE(is_there());
  writer.reset();
  EXPECT_THAT(names_in(folder_ / "job"), testing::IsEmpty());
  writer = *store_->create_raw("job", "f.parquet");
  ASSERT_TRUE(writer->append(noise(5000)));
  std::vector<std::unique_ptr<FileWriter>> writers;
  writers.push_back(std::move(writer));
  ASSERT_TRUE(store_->finish_all(writers));
  EXPECT_TRUE(is_there());
  ASSERT_TRUE(store_->remove_file("job", "f.parquet"));
  EXPECT_THAT(names_in(folder_ / "job"), testing::IsEmpty());
}

TEST_F(RawFileTest, ThatTheDiskHasNoRoomForIsLost) {
  {
    const FileSizeLimit full(10'000);
    const auto writer = *store_->create_raw("job", "f.parquet");
    ASSERT_TRUE(writer->append(noise(9000)));
    const auto failed = writer->append(noise(9000));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().kind, ErrorKind::kStorage);
    EXPECT_FALSE(writer->append("x"));
    EXPECT_FALSE(writer->finish());
  }
  EXPECT_THAT(names_in(folder_ / "job"), testing::IsEmpty());
}

TEST_F(RawFileTest, AnyFlippedBitIsRefusedBeforeAByteOfItsBlock) {
  const std::string bytes = noise(5500);
  write(bytes);
  for (int i = 0; i < 200; ++i) {
    const std::size_t bit = random_() % (8 * bytes.size());
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    overwrite(path_, damaged);
    const auto file = SeekableGzipFile::open(path_);
    if (!file) {
      EXPECT_EQ(file.error().kind, ErrorKind::kCorrupt);
      continue;
    }
    const std::size_t block = bit / 8 / kBlock;
    EXPECT_FALSE(read_stored(*file, 0, bytes.size(), 1 + random_() % 3000));
    EXPECT_FALSE(read_stored(*file, block * kBlock, 1));
    if (block > 0) {
      EXPECT_EQ(*read_stored(*file, 0, block * kBlock), bytes.substr(0, block * kBlock));
    }
    const std::size_t after = (block + 1) * kBlock;
    if (after < bytes.size()) {
      EXPECT_EQ(*read_stored(*file, after, bytes.size() - after), bytes.substr(after));
    }
  }
}

TEST_F(RawFileTest, IsCorruptWithoutItsIndexOrWithADamagedOne) {
  const std::string bytes = noise(5500);
  write(bytes);
  const std::string index_file = path_.string() + ".idx";
  const std::string index = content_of(index_file);
  EXPECT_EQ(index.substr(0, 8), "SLRAWIX1");
  const auto refused = [&] {
    const auto file = SeekableGzipFile::open(path_);
    return !file && file.error().kind == ErrorKind::kCorrupt;
  };
  for (std::size_t at = 0; at < index.size(); ++at) {
    std::string damaged = index;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    overwrite(index_file, damaged);
    EXPECT_TRUE(refused()) << at;
  }
  GzipIndex other = *parse_gzip_index(index);
  other.blocks[1].uncompressed_offset += 1;
  overwrite(index_file, serialize(other));
  EXPECT_TRUE(refused());
  overwrite(index_file, index);
  EXPECT_FALSE(refused());
  overwrite(path_, bytes.substr(1));
  EXPECT_TRUE(refused());
  std::filesystem::remove(index_file);
  EXPECT_TRUE(refused());
}

}  // namespace
}  // namespace sluice::output
