// The journal: what was written is read, a torn tail is cut off, damage is told (L-04).
#include "client/pull/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace sluice::client {
namespace {

namespace json = boost::json;

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    std::string name = testing::TempDir() + "journalXXXXXX";
    folder_ = ::mkdtemp(name.data());
    path_ = folder_ / "journal";
  }
  ~JournalTest() override { std::filesystem::remove_all(folder_); }

  // Opens the journal and gives the numbers in it.
  Result<std::vector<int>> numbers() {
    std::vector<int> out;
    SLUICE_ASSIGN_OR_RETURN(
        const auto journal,
        Journal::open(path_, [&](const json::object& record, std::uint64_t) -> Result<void> {
          out.push_back(static_cast<int>(record.at("n").as_int64()));
          return {};
        }));
    return out;
  }
  void write(int from, int to) {
    const auto journal =
        Journal::open(path_, [](const json::object&, std::uint64_t) -> Result<void> { return {}; });
    ASSERT_TRUE(journal) << journal.error().message;
    for (int n = from; n <= to; ++n)
      ASSERT_TRUE(
          (*journal)->append({{"n", n}}, n % 2 == 0 ? Durability::kNow : Durability::kLater));
  }
  std::string content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void set_content(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(JournalTest, L04ReadsWhatWasWritten) {
  EXPECT_EQ(*numbers(), std::vector<int>());
  write(1, 2);
  write(3, 3);
  EXPECT_EQ(*numbers(), (std::vector{1, 2, 3}));
}

TEST_F(JournalTest, ALineIsItsChecksumAndItsJson) {
  // CRC-32 of gzip, by Python: zlib.crc32(b'{"n":1}')
  EXPECT_EQ(journal_line(R"({"n":1})"), "d44b3b7e {\"n\":1}\n");
}

TEST_F(JournalTest, L04ATornTailIsCutOffAtEveryByte) {
  write(1, 3);
  const std::string whole = content();
  const std::size_t two = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t size = two; size < whole.size(); ++size) {
    set_content(whole.substr(0, size));
    ASSERT_EQ(*numbers(), (std::vector{1, 2})) << size;
    ASSERT_EQ(content(), whole.substr(0, two));
    write(4, 4);
    ASSERT_EQ(*numbers(), (std::vector{1, 2, 4})) << size;
  }
}

TEST_F(JournalTest, L04ALastLineThatIsDamagedIsCutOff) {
  write(1, 2);
  std::string bytes = content();
  bytes[bytes.size() - 3] ^= 1;
  set_content(bytes);
  EXPECT_EQ(*numbers(), std::vector{1});
  // What a file system leaves where it had no time to write.
  set_content(content() + std::string(100, '\0'));
  EXPECT_EQ(*numbers(), std::vector{1});
}

TEST_F(JournalTest, L04DamageInTheMiddleIsAnError) {
  write(1, 3);
  const std::string whole = content();
  for (std::size_t at = 0; at + 20 < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] ^= 4;
    set_content(bytes);
    const auto read = numbers();
    ASSERT_FALSE(read) << at;
    ASSERT_EQ(read.error().kind, ErrorKind::kCorrupt);
    ASSERT_EQ(content(), bytes) << "nothing is cut off";
  }
}

TEST_F(JournalTest, ARecordIsReadWhereItBegins) {
  const auto journal =
      Journal::open(path_, [](const json::object&, std::uint64_t) -> Result<void> { return {}; });
  ASSERT_TRUE(journal);
  const std::string text(5000, 'x');
  const auto first = (*journal)->append({{"n", 1}}, Durability::kLater);
  const auto second = (*journal)->append({{"n", 2}, {"text", text}}, Durability::kLater);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, 0u);
  EXPECT_EQ(*second, 17u);
  EXPECT_EQ((*journal)->read(0)->at("n"), 1);
  EXPECT_EQ((*journal)->read(17)->at("text").as_string(), text);
  for (const std::uint64_t at : {1u, 16u, 18u, 100'000u}) EXPECT_FALSE((*journal)->read(at)) << at;
}

TEST_F(JournalTest, L04TextOfAnyEncodingCanBeReadAgain) {
  std::string text;
  const auto read = [&](const json::object& record, std::uint64_t) -> Result<void> {
    text = record.at("text").as_string();
    return {};
  };
  {
    const auto journal = Journal::open(path_, read);
    ASSERT_TRUE(journal);
    ASSERT_TRUE((*journal)->append({{"text", "caf\xe9 \xc3"}}, Durability::kNow));
  }
  ASSERT_TRUE(Journal::open(path_, read));
  EXPECT_EQ(text, "caf\xef\xbf\xbd \xef\xbf\xbd");
  // As journals were written once: the checksum is right, the text is none.
  set_content(journal_line("{\"text\":\"\xe9\"}"));
  ASSERT_TRUE(Journal::open(path_, read));
  EXPECT_EQ(text, "\xef\xbf\xbd");
}

TEST_F(JournalTest, OneProcessAtATime) {
  const auto first =
      Journal::open(path_, [](const json::object&, std::uint64_t) -> Result<void> { return {}; });
  ASSERT_TRUE(first);
  EXPECT_EQ(numbers().error().kind, ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace sluice::client
