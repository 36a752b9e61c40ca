// The bytes on disk, as docs/formats.md shows them: what one version wrote, all later ones read.
#include "store/rocksdb/record_format.h"

#include "base/bytes.h"
#include "raw_database.h"
#include "store/rocksdb/rocksdb_store.h"
#include "store_fixture.h"

namespace sluice::store {
namespace {

// The worked example of docs/formats.md.
TEST(StoreFormat, IsWhatTheDocumentationShows) {
  TemporaryFolder folder;
  TestClock clock;
  clock.milliseconds = 1000;
  auto store = open_rocksdb_store(folder.path(), clock).value();
  // 1: o is p1's. 2: it is p2's. 3: it is deleted, in the same millisecond.
  const auto write = [&](const Batch& batch) { store->write(batch.transaction()).value(); };
  write(Batch().put(make_resource("Observation", "o", "x", {"p1"}, {id_of("Practitioner", "d")})));
  clock.milliseconds = 1001;
  write(Batch().put(make_resource("Observation", "o", "y", {"p2"})));
  write(Batch().remove("Observation", "o"));
  store.reset();

  const auto key = [](std::string_view owner) {
    std::string bytes;
    append_record_key(bytes, type_of("Observation"), owner, "o");
    return to_hex(bytes);
  };
  const std::string type = to_hex(range_key(type_of("Observation"), ""));
  const std::string practitioner = to_hex(range_key(type_of("Practitioner"), ""));
  EXPECT_EQ(key("p1"), type +
                           "7031"
                           "00"
                           "6f");
  const std::string tombstone2 =
      "0200000000000000"
      "e903000000000000"
      "02000000"
      "03"
      "00"
      "0000"
      "00000000"
      "00000000";
  const std::string tombstone3 =
      "0300000000000000"
      "e903000000000000"
      "03000000"
      "03"
      "00"
      "0000"
      "00000000"
      "00000000";
  EXPECT_EQ(dump(folder.path(), "current"),
            (std::vector<std::string>{key("p1") + " " + tombstone2, key("p2") + " " + tombstone3}));

  const std::string version1 =
      "0100000000000000"
      "e803000000000000"
      "01000000"
      "01"
      "00"
      "0100"
      "03000000"
      "04000000"
      "027031" +
      practitioner + "0164" +
      to_hex(line_of("Observation", "o", "x", 1, "1970-01-01T00:00:01.000Z"));
  const std::string version2 =
      "0200000000000000"
      "e903000000000000"
      "02000000"
      "01"
      "00"
      "0100"
      "03000000"
      "00000000"
      "027032" +
      to_hex(line_of("Observation", "o", "y", 2, "1970-01-01T00:00:01.001Z"));
  EXPECT_EQ(dump(folder.path(), "history"), (std::vector<std::string>{key("p1") +
                                                                          "00"
                                                                          "fffffffffffffffe"
                                                                          " "
                                                                          "0200000000000000" +
                                                                          version1,
                                                                      key("p2") +
                                                                          "00"
                                                                          "fffffffffffffffd"
                                                                          " "
                                                                          "0300000000000000" +
                                                                          version2,
                                                                      "ffff" + type +
                                                                          "6f"
                                                                          "00"
                                                                          "0000000000000002"
                                                                          " "
                                                                          "0200000000000000"
                                                                          "7031"}));

  const auto digest = make_resource("Observation", "o", "y").digest;
  EXPECT_EQ(dump(folder.path(), "locator"),
            (std::vector<std::string>{
                type +
                "6f"
                " "
                "0300000000000000"
                "03000000"
                "01" +
                to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()}) + "027032"}));
  EXPECT_EQ(dump(folder.path(), "changes"), (std::vector<std::string>{"0000000000000001"
                                                                      "00000000"
                                                                      " "
                                                                      "01" +
                                                                          type +
                                                                          "027031"
                                                                          "016f",
                                                                      "0000000000000002"
                                                                      "00000000"
                                                                      " "
                                                                      "04" +
                                                                          type +
                                                                          "027032"
                                                                          "016f"
                                                                          "03000000"
                                                                          "027031",
                                                                      "0000000000000003"
                                                                      "00000000"
                                                                      " "
                                                                      "02" +
                                                                          type +
                                                                          "027032"
                                                                          "016f"}));
  EXPECT_EQ(dump(folder.path(), "transactions"), (std::vector<std::string>{"69"
                                                                           "80000000000003e8"
                                                                           " "
                                                                           "0100000000000000",
                                                                           "69"
                                                                           "80000000000003e9"
                                                                           " "
                                                                           "0300000000000000",
                                                                           "73"
                                                                           "0000000000000001"
                                                                           " "
                                                                           "e803000000000000"
                                                                           "0100000000000000",
                                                                           "73"
                                                                           "0000000000000002"
                                                                           " "
                                                                           "e903000000000000"
                                                                           "0200000000000000",
                                                                           "73"
                                                                           "0000000000000003"
                                                                           " "
                                                                           "e903000000000000"
                                                                           "0300000000000000"}));
  EXPECT_EQ(dump(folder.path(), "default"),
            (std::vector<std::string>{to_hex("count/") + type +
                                          " "
                                          "0000000000000000"
                                          "0000000000000000",
                                      to_hex("format") + " "
                                                         "0600000000000000",
                                      to_hex("resume") + " "}));
}

TEST(StoreFormat, BrokenBytesAreNoRecords) {
  ParsedRecord record;
  EXPECT_FALSE(parse_record("", record));
  EXPECT_FALSE(parse_record(std::string(31, '\0'), record));
  EXPECT_TRUE(parse_record(std::string(32, '\0'), record));
  std::string value;
  RecordHeader header;
  header.owners_size = 0xffffffff;
  header.supporting_size = 0xffffffff;
  append_header(value, header);
  EXPECT_FALSE(parse_record(value, record));
  RecordKey key;
  EXPECT_FALSE(parse_record_key("ab", key));
  EXPECT_FALSE(parse_record_key("abowner", key));
  Locator locator;
  EXPECT_FALSE(parse_locator(std::string(28, '\0'), locator));
  Change change;
  std::string_view rest = "\1\0\1\5abc";
  EXPECT_FALSE(take_change(rest, change));
  rest = std::string_view("\3\0\1\1a\1x\5\0\0\0\1a", 13);
  EXPECT_FALSE(take_change(rest, change)) << "owners cut short";
  EXPECT_FALSE(OwnerList("\5abc").next());
  EXPECT_FALSE(SupportingReferences(std::string_view("\0\1\5abc", 6)).next());
  EXPECT_FALSE(SupportingReferences("ab").next());
}

}  // namespace
}  // namespace sluice::store
