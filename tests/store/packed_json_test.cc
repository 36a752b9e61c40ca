// Long lines are stored packed: nobody who reads them can tell, and what is damaged is not read.
#include "store/rocksdb/packed_json.h"

#include <fmt/format.h>

#include <random>

#include "store_fixture.h"

namespace sluice::store {
namespace {

std::string members_text(std::size_t size, unsigned seed) {
  std::string text;
  for (unsigned i = seed; text.size() < size; ++i)
    text += fmt::format(R"({{"entity":{{"reference":"Patient/{}"}}}},)", i * 7919u);
  return text.substr(0, size);
}

std::string random_text(std::size_t size) {
  std::mt19937 random(1);
  std::string text(size, ' ');
  for (auto& c : text) c = static_cast<char>('!' + random() % 90);
  return text;
}

ParsedRecord record_of(Packing packing, const std::string& stored) {
  ParsedRecord record;
  record.header.packing = packing;
  record.stored = stored;
  return record;
}

TEST(PackedJson, IsTheSameAfterUnpacking) {
  for (const std::size_t size : {kPackedFrom, kPackedFrom + 1, 5 * kPackedFrom + 12345}) {
    const std::string text = members_text(size, 1);
    std::string packed = "before";
    ASSERT_TRUE(append_packed(packed, text));
    EXPECT_LT(packed.size(), size / 3);
    ASSERT_EQ(packed.substr(0, 6), "before");
    packed.erase(0, 6);
    const auto record = record_of(Packing::kGzip, packed);
    EXPECT_EQ(line_size(record), size);
    std::string buffer;
    EXPECT_EQ(unpacked_line(record, buffer).value(), text);
  }
}

TEST(PackedJson, WhatIsShortOrGainsNothingIsNotPacked) {
  std::string out = "as it was";
  EXPECT_FALSE(append_packed(out, members_text(kPackedFrom - 1, 1)));
  EXPECT_FALSE(append_packed(out, random_text(3 * kPackedFrom)));
  EXPECT_EQ(out, "as it was");
  std::string buffer;
  EXPECT_EQ(unpacked_line(record_of(Packing::kNone, out), buffer).value().data(), out.data());
}

TEST(PackedJson, DamageIsAnError) {
  const std::string text = members_text(2 * kPackedFrom, 1);
  std::string packed;
  ASSERT_TRUE(append_packed(packed, text));
  std::string buffer;
  for (const std::size_t at : {0ul, 8ul, packed.size() / 2, packed.size() - 8, packed.size() - 1}) {
    std::string damaged = packed;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    const auto line = unpacked_line(record_of(Packing::kGzip, damaged), buffer);
    ASSERT_FALSE(line) << at;
    EXPECT_EQ(line.error().kind, ErrorKind::kCorrupt);
  }
  const std::string half = packed.substr(0, packed.size() / 2);
  EXPECT_FALSE(unpacked_line(record_of(Packing::kGzip, half), buffer));
  ParsedRecord record;
  RecordHeader header;
  header.packing = Packing::kGzip;
  std::string value;
  append_header(value, header);
  EXPECT_FALSE(parse_record(value + std::string(8, '\0'), record)) << "nothing is packed in it";
  EXPECT_FALSE(parse_record(value + std::string(9, '\xff'), record)) << "no line is so long";
}

class PackedLines : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(EachBackend, PackedLines, testing::ValuesIn(backends()),
                         [](const auto& i) { return i.param.name; });

TEST_P(PackedLines, AreReadInEveryWay) {
  const fhir::ResourceId key{type_of("Observation"), "long"};
  const auto make = [](unsigned seed) {
    const std::string text = members_text(3 * kPackedFrom, seed);
    std::string escaped;
    for (const char c : text) escaped += c == '"' ? '\'' : c;
    return make_resource("Observation", "long", escaped, {"p", "q"});
  };
  const auto text_at = [&](Sequence sequence) {
    return store_->read(key, sequence).value().value().json;
  };
  const Sequence first = put(make(1));
  const std::string one = text_at(first);
  ASSERT_GT(one.size(), 3 * kPackedFrom);
  const Sequence second = put(make(2));
  const std::string two = text_at(second);
  ASSERT_NE(one, two);
  put(make_resource("Observation", "short", "x", {"p"}));
  const auto check = [&] {
    EXPECT_EQ(text_at(first), one);
    EXPECT_EQ(text_at(second), two);
    EXPECT_EQ(store_->read_of("p", key, second).value().value().json, two);
    const auto versions = store_->versions(key, 9, 9).value();
    ASSERT_EQ(versions.size(), 2u);
    EXPECT_EQ(versions[0].json, two);
    EXPECT_EQ(versions[1].json, one);
    for (const auto& [sequence, expected] : {std::pair{first, one}, std::pair{second, two}}) {
      const auto scan = store_->scan(whole_type(key.type), sequence).value();
      RecordView record;
      ASSERT_TRUE(scan->next(record).value());
      EXPECT_EQ(record.json, expected);
    }
    const auto changes = store_->changes({first.value - 1}, second).value();
    Change change;
    for (const auto& expected : {one, two}) {
      ASSERT_TRUE(changes->next(change).value());
      EXPECT_EQ(store_->version_of(change).value().value().json, expected);
    }
    for (const auto& type : store_->statistics().value())
      if (type.type == key.type) {
        EXPECT_EQ(type.bytes,
                  two.size() + 1 +
                      store_->read({key.type, "short"}, last()).value().value().json.size() + 1);
      }
  };
  check();
  reopen();
  check();
  ASSERT_TRUE(store_->compact());
  check();
}

}  // namespace
}  // namespace sluice::store
