// F-06: what the store remembers of the Binaries that Attachments name; and the upgrade of stores
// that remembered nothing.
#include <fmt/format.h>

#include "raw_database.h"
#include "store/rocksdb/rocksdb_store.h"
#include "store_fixture.h"

namespace sluice::store {
namespace {

using Lines = std::vector<std::string>;

fhir::IncomingResource document(const std::string& id, const Lines& urls) {
  std::string list;
  for (const auto& url : urls)
    list += fmt::format(R"({}{{"attachment":{{"url":"{}"}}}})", list.empty() ? "" : ",", url);
  return fhir::ResourceReader()
      .read(fmt::format(R"({{"resourceType":"DocumentReference","id":"{}","content":[{}]}})", id,
                        list))
      .value();
}

fhir::IncomingResource with_photo(const std::string& id, const std::string& url) {
  return fhir::ResourceReader()
      .read(fmt::format(R"({{"resourceType":"Patient","id":"{}","photo":[{{"url":"{}"}}]}})", id,
                        url))
      .value();
}

Lines found(const Store& store, std::string_view binary_id, std::size_t limit = 100) {
  Lines names;
  for (const auto& key : store.attached_to(binary_id, limit).value())
    names.push_back(fmt::format("{}/{}", fhir::type_name(key.type), key.id));
  return names;
}

class AttachmentRows : public StoreTest {};

INSTANTIATE_TEST_SUITE_P(Store, AttachmentRows, testing::ValuesIn(backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(AttachmentRows, F06WhatNamesABinaryIsFoundByIt) {
  put(document("one", {"Binary/b", "https://here.example/fhir/Binary/url", "Binary/b"}));
  put(document("two", {"Binary/b/_history/3", "Patient/p"}));
  put(with_photo("p", "Binary/b"));
  const auto check = [&] {
    EXPECT_EQ(found(*store_, "b"),
              (Lines{"DocumentReference/one", "DocumentReference/two", "Patient/p"}));
    EXPECT_EQ(found(*store_, "b", 2), (Lines{"DocumentReference/one", "DocumentReference/two"}));
    EXPECT_EQ(found(*store_, "url"), (Lines{"DocumentReference/one"}));
    // Neither the beginning of an id nor what is no Binary.
    EXPECT_EQ(found(*store_, "ur"), Lines());
    EXPECT_EQ(found(*store_, "p"), Lines());
  };
  check();
  reopen();
  check();
}

TEST_P(AttachmentRows, F06OnlyTheNewestVersionCounts) {
  put(document("d", {"Binary/a", "Binary/b"}));
  put(document("d", {"Binary/b", "Binary/c"}));
  EXPECT_EQ(found(*store_, "a"), Lines());
  EXPECT_EQ(found(*store_, "b"), (Lines{"DocumentReference/d"}));
  EXPECT_EQ(found(*store_, "c"), (Lines{"DocumentReference/d"}));
  put(document("d", {}));
  EXPECT_EQ(found(*store_, "b"), Lines());
  put(document("d", {"Binary/b"}));
  EXPECT_EQ(found(*store_, "b"), (Lines{"DocumentReference/d"}));
  remove("DocumentReference", "d");
  EXPECT_EQ(found(*store_, "b"), Lines());
  write(Batch().put(document("d", {"Binary/a"})).put(document("d", {"Binary/b"})));
  EXPECT_EQ(found(*store_, "a"), Lines());
  EXPECT_EQ(found(*store_, "b"), (Lines{"DocumentReference/d"}));
}

// A row that is missing, because the program that wrote the version before did not see the
// Attachment, comes with the next one.
TEST(AttachmentRowsUpgrade, F06EveryWriteRemembersAllThatTheResourceNames) {
  TemporaryFolder folder;
  TestClock clock;
  auto store = open_rocksdb_store(folder.path(), clock).value();
  store->write(Batch().put(document("d", {"Binary/a"})).transaction()).value();
  store.reset();
  drop_family(folder.path(), "attachments");
  store = open_rocksdb_store(folder.path(), clock).value();
  EXPECT_EQ(found(*store, "a"), Lines());
  store->write(Batch().put(document("d", {"Binary/a", "Binary/b"})).transaction()).value();
  EXPECT_EQ(found(*store, "a"), (Lines{"DocumentReference/d"}));
  EXPECT_EQ(found(*store, "b"), (Lines{"DocumentReference/d"}));
}

// The worked example of docs/formats.md.
TEST(AttachmentRowsFormat, IsWhatTheDocumentationShows) {
  TemporaryFolder folder;
  TestClock clock;
  auto store = open_rocksdb_store(folder.path(), clock).value();
  store->write(Batch().put(document("d", {"Binary/scan"})).transaction()).value();
  store.reset();
  EXPECT_EQ(dump(folder.path(), "attachments"), (Lines{"7363616e"
                                                       "00"
                                                       "002a"
                                                       "64"
                                                       " "}));
}

// Stores of the earlier format versions get the rows that the program would have written.
TEST(AttachmentRowsUpgrade, F06RemembersWhatTheResourcesName) {
  TemporaryFolder folder;
  TestClock clock;
  auto store = open_rocksdb_store(folder.path(), clock).value();
  const auto write = [&](const Batch& batch) { store->write(batch.transaction()).value(); };
  write(Batch().put(document("d", {"Binary/a", "Binary/b"})).put(with_photo("p", "Binary/b")));
  write(Batch().put(document("d", {"Binary/b"})).put(document("gone", {"Binary/b"})));
  write(Batch().remove("DocumentReference", "gone").put(document("none", {"https://x.example/"})));
  store.reset();
  const auto expected = dump(folder.path(), "attachments");
  EXPECT_EQ(expected.size(), 2u);
  for (const std::uint64_t version : {1, 4}) {
    drop_family(folder.path(), "attachments");
    set_format(folder.path(), version);
    open_rocksdb_store(folder.path(), clock).value().reset();
    EXPECT_EQ(dump(folder.path(), "attachments"), expected);
    // A crash before the new version was noted: all of it is done again.
    set_format(folder.path(), version);
    open_rocksdb_store(folder.path(), clock).value().reset();
    EXPECT_EQ(dump(folder.path(), "attachments"), expected);
  }
}

}  // namespace
}  // namespace sluice::store
