// what a crash leaves at the end of a write-ahead log is told from damage. The logs are
// written here by the description of RocksDB's format, not by RocksDB.
#include "store/rocksdb/log_check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <rocksdb/write_batch.h>

#include <fstream>
#include <random>

#include "base/bytes.h"
#include "store/rocksdb/record_format.h"
#include "store_fixture.h"

namespace sluice::store {
namespace {

using testing::HasSubstr;

constexpr std::size_t kBlock = 32768;

// Bit by bit, as the polynomial of Castagnoli has it.
std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

/// A log in memory, and where its records begin.
struct Log {
  std::string bytes;
  std::vector<std::size_t> begins;

  void add(std::string_view record) {
    begins.push_back(bytes.size());
    bool is_first = true;
    do {
      if (kBlock - bytes.size() % kBlock < 7) bytes.resize((bytes.size() / kBlock + 1) * kBlock);
      if (is_first) begins.back() = bytes.size();
      const std::size_t room = kBlock - bytes.size() % kBlock - 7;
      const std::string piece(record.substr(0, room));
      record.remove_prefix(piece.size());
      const bool is_last = record.empty();
      const char kind = is_first && is_last ? 1 : is_first ? 2 : is_last ? 4 : 3;
      const std::uint32_t crc = crc32c(kind + piece);
      const std::uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
      for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(masked >> shift);
      bytes += static_cast<char>(piece.size());
      bytes += static_cast<char>(piece.size() >> 8);
      bytes += kind + piece;
      is_first = false;
    } while (!record.empty());
  }

  /// A transaction of ours with something beside it.
  void transaction(std::uint64_t number, std::size_t size) {
    rocksdb::WriteBatch batch;
    EXPECT_TRUE(batch.Put("beside", std::string(size, 'x')).ok());
    EXPECT_TRUE(batch.Put(transaction_key({number}), encode(TransactionEntry{{1}, 1})).ok());
    add(batch.Data());
  }
};

class LogCheckTest : public testing::Test {
 protected:
  void write(std::string_view name, std::string_view bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }
  Result<LogCheck> check() { return check_logs(folder_.path(), *rocksdb::Env::Default()); }
  Result<LogCheck> check(const std::string& bytes) {
    write("000007.log", bytes);
    return check();
  }

  TemporaryFolder folder_;
};

Log three() {
  Log log;
  log.transaction(1, 100);
  log.transaction(2, 70'000);  // three blocks
  log.transaction(3, 300);
  return log;
}

TEST_F(LogCheckTest, WholeLogsAreTakenWhateverTheRoomBehindThem) {
  EXPECT_EQ(check()->last_transaction, 0u) << "no log at all";
  const Log log = three();
  for (const std::size_t zeros : {0, 1, 6, 7, 8, 100, 32'768, 100'000}) {
    const auto found = check(log.bytes + std::string(zeros, '\0'));
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->last_transaction, 3u);
    EXPECT_TRUE(found->torn.empty()) << zeros;
  }
}

TEST_F(LogCheckTest, ALogIsTornWhereItsLastWholeRecordEnds) {
  Log log = three();
  const std::size_t end = log.bytes.size();
  log.begins.push_back(end);
  std::mt19937_64 random(test_seed());
  for (int i = 0; i < 200; ++i) {
    const std::size_t size = random() % (end + 1);
    const auto found = check(log.bytes.substr(0, size));
    ASSERT_TRUE(found) << found.error().message;
    std::size_t whole = 0;
    while (whole < 3 && log.begins[whole + 1] <= size) ++whole;
    EXPECT_EQ(found->last_transaction, whole) << size;
    if (log.begins[whole] == size) {
      EXPECT_TRUE(found->torn.empty());
      continue;
    }
    ASSERT_EQ(found->torn.size(), 1u) << size;
    EXPECT_EQ(found->torn[0].name, "000007.log");
    EXPECT_EQ(found->torn[0].offset, log.begins[whole]);
    EXPECT_EQ(found->torn[0].dropped, size - log.begins[whole]);
  }
  std::string garbage(500, '\0');
  for (auto& c : garbage) c = static_cast<char>(random());
  const auto found = check(log.bytes + garbage);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->torn.size(), 1u);
  EXPECT_EQ(found->torn[0].offset, end);
  EXPECT_EQ(found->torn[0].dropped, 500u);
}

TEST_F(LogCheckTest, WhereAnythingWholeStandsBehindTheDamageItIsRefusedWithWhatToDo) {
  const Log log = three();
  std::mt19937_64 random(test_seed());
  for (int i = 0; i < 300; ++i) {
    const std::size_t bit = random() % (log.bytes.size() * 8);
    std::string bytes = log.bytes;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    const auto found = check(bytes);
    const std::size_t at = bit / 8;
    const std::size_t hit = at < log.begins[1] ? 0 : at < log.begins[2] ? 1 : 2;
    if (hit == 2) {
      // The last record: as a crash would leave it.
      ASSERT_TRUE(found) << found.error().message;
      ASSERT_EQ(found->torn.size(), 1u);
      EXPECT_EQ(found->torn[0].offset, log.begins[2]);
      EXPECT_EQ(found->last_transaction, 2u);
      continue;
    }
    ASSERT_FALSE(found) << "bit " << bit;
    EXPECT_EQ(found.error().kind, ErrorKind::kCorrupt);
    EXPECT_THAT(found.error().message, HasSubstr(fmt::format("transactions after {} ", hit)));
    EXPECT_THAT(found.error().message, HasSubstr(fmt::format("'truncate -s {} {}'", log.begins[hit],
                                                             (folder_ / "000007.log").string())));
    const auto followed = check(bytes.substr(0, log.begins[hit]));
    ASSERT_TRUE(followed);
    EXPECT_EQ(followed->last_transaction, hit);
  }
}

TEST_F(LogCheckTest, AHoleOfZerosWithRecordsBehindItIsDamage) {
  const Log log = three();
  std::string bytes = log.bytes;
  std::fill(bytes.begin() + 50, bytes.begin() + 50 + 4096, '\0');
  EXPECT_EQ(check(bytes).error().kind, ErrorKind::kCorrupt);
  bytes = log.bytes;
  std::fill(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(2 * kBlock), '\0');
  EXPECT_EQ(check(bytes).error().kind, ErrorKind::kCorrupt);
}

TEST_F(LogCheckTest, AFailedWriteIsFollowedByTheSameTransactionInTheNextLog) {
  Log first = three();
  Log second;
  second.transaction(3, 10);
  second.transaction(4, 10);
  write("000007.log", first.bytes.substr(0, first.bytes.size() - 5));
  write("000009.log", second.bytes);
  const auto found = check();
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->is_torn_before_last);
  EXPECT_EQ(found->last_transaction, 4u);
}

TEST_F(LogCheckTest, ATransactionThatIsMissingBetweenTwoLogsIsDamage) {
  Log first = three();
  Log second;
  second.transaction(4, 10);
  first.bytes[first.bytes.size() - 5] ^= 1;
  write("000007.log", first.bytes);
  write("000010.log", second.bytes);
  const auto found = check();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::kCorrupt);
  EXPECT_THAT(found.error().message, HasSubstr("transactions 3 to 3 are missing"));
  EXPECT_THAT(found.error().message, HasSubstr("000007.log"));
  EXPECT_THAT(found.error().message,
              HasSubstr("and move away " + (folder_ / "000010.log").string()));
  // With the first log whole nothing is missing.
  first.bytes[first.bytes.size() - 5] ^= 1;
  write("000007.log", first.bytes);
  EXPECT_TRUE(check());
}

}  // namespace
}  // namespace sluice::store
