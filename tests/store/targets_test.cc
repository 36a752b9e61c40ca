// P-08: what the store remembers of the targets of Provenances, as of every sequence; and the
// upgrade of stores that remembered nothing.
#include <fmt/format.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <random>

#include "base/bytes.h"
#include "store/rocksdb/record_format.h"
#include "store/rocksdb/rocksdb_store.h"
#include "store_fixture.h"

namespace sluice::store {
namespace {

using Lines = std::vector<std::string>;

fhir::IncomingResource provenance(const std::string& id, const Lines& targets) {
  std::string list;
  for (const auto& target : targets)
    list += fmt::format(R"({}{{"reference":"{}"}})", list.empty() ? "" : ",", target);
  return fhir::ResourceReader()
      .read(fmt::format(R"({{"resourceType":"Provenance","id":"{}","target":[{}],)"
                        R"("agent":[{{"who":{{"reference":"Practitioner/signer"}}}}]}})",
                        id, list))
      .value();
}

Lines found(const Store& store, std::string_view type, std::string_view id, Sequence as_of) {
  Lines ids;
  EXPECT_TRUE(store.provenance_finder(as_of)->find(type_of(type), id, ids));
  return ids;
}

class Targets : public StoreTest {
 protected:
  Lines find(std::string_view type, std::string_view id) {
    return found(*store_, type, id, last());
  }
};

INSTANTIATE_TEST_SUITE_P(Store, Targets, testing::ValuesIn(backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(Targets, AreFoundWhateverUrlNamesThem) {
  put(provenance("one", {"Observation/o", "https://here.example/fhir/Observation/url"}));
  put(provenance("two", {"Observation/o/_history/3", "http://h/a/Group/g/_history/1"}));
  const auto check = [&] {
    EXPECT_EQ(find("Observation", "o"), (Lines{"one", "two"}));
    EXPECT_EQ(find("Observation", "url"), (Lines{"one"}));
    EXPECT_EQ(find("Group", "g"), (Lines{"two"}));
    // Neither the beginning of an id nor what is no target.
    EXPECT_EQ(find("Observation", "ur"), Lines());
    EXPECT_EQ(find("Condition", "o"), Lines());
    EXPECT_EQ(find("Practitioner", "signer"), Lines());
  };
  check();
  reopen();
  check();
}

TEST_P(Targets, EachSequenceHasItsOwn) {
  const Sequence first = put(provenance("p", {"Observation/a", "Observation/b"}));
  const Sequence second = put(provenance("p", {"Observation/b", "Observation/c"}));
  const Sequence third = remove("Provenance", "p");
  const Sequence fourth = put(provenance("p", {"Observation/a"}));
  const auto at = [&](std::string_view id, Sequence as_of) {
    return found(*store_, "Observation", id, as_of);
  };
  // It may tell too much of the past, but never too little.
  const auto check = [&] {
    EXPECT_EQ(at("a", first), (Lines{"p"}));
    EXPECT_EQ(at("b", first), (Lines{"p"}));
    EXPECT_EQ(at("b", second), (Lines{"p"}));
    EXPECT_EQ(at("c", second), (Lines{"p"}));
    EXPECT_EQ(at("b", third), Lines());
    EXPECT_EQ(at("c", third), Lines());
    EXPECT_EQ(at("a", fourth), (Lines{"p"}));
  };
  check();
  reopen();
  store_->set_history_horizon(first);
  ASSERT_TRUE(store_->compact());
  check();
  store_->set_history_horizon(fourth);
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(at("a", fourth), (Lines{"p"}));
  EXPECT_EQ(at("b", fourth), Lines());
}

TEST_P(Targets, AreTheSameInWhateverOrderOneAsks) {
  for (const char* id : {"b", "d", "dd", "f"}) {
    put(provenance(std::string("of-") + id, {std::string("Observation/") + id}));
    put(provenance(std::string("too-") + id, {std::string("Observation/") + id}));
  }
  put(provenance("of-group", {"Group/b"}));
  std::vector<std::pair<std::string, std::string>> targets;
  for (const char* type : {"Condition", "Group", "Observation", "Procedure"})
    for (const char* id : {"a", "b", "c", "d", "d.d", "dd", "e", "f", "g"})
      targets.emplace_back(type, id);
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    const auto finder = store_->provenance_finder(last());
    for (const auto& [type, id] : targets) {
      Lines expected;
      if (type == "Observation" && (id == "b" || id == "d" || id == "dd" || id == "f"))
        expected = {"of-" + id, "too-" + id};
      if (type == "Group" && id == "b") expected = {"of-group"};
      Lines ids;
      ASSERT_TRUE(finder->find(type_of(type), id, ids));
      EXPECT_EQ(ids, expected) << type << "/" << id << " in round " << round;
    }
    std::shuffle(targets.begin(), targets.end(), random);
  }
}

TEST_P(Targets, OfTwoWritesInOneTransactionTheLaterCounts) {
  write(Batch()
            .put(provenance("p", {"Observation/a"}))
            .put(provenance("p", {"Observation/b"}))
            .put(provenance("gone", {"Observation/b"}))
            .remove("Provenance", "gone"));
  EXPECT_EQ(find("Observation", "a"), Lines());
  EXPECT_EQ(find("Observation", "b"), (Lines{"p"}));
}

/// Calls `use` with each column family.
template <class Use>
void with_database(const std::filesystem::path& folder, Use use) {
  std::vector<std::string> names;
  const auto path = (folder / "store").string();
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, path, &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const auto& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open({}, path, families, &handles, &db).ok());
  for (auto* handle : handles) use(*db, *handle);
  for (auto* handle : handles) EXPECT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
  delete db;
}

Lines dump_targets(const std::filesystem::path& folder) {
  Lines rows;
  with_database(folder, [&](rocksdb::DB& db, rocksdb::ColumnFamilyHandle& family) {
    if (family.GetName() != "targets") return;
    const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator({}, &family));
    for (it->SeekToFirst(); it->Valid(); it->Next())
      rows.push_back(to_hex(it->key().ToString()) + " " + to_hex(it->value().ToString()));
  });
  return rows;
}

// The worked example of docs/formats.md.
TEST(TargetsFormat, IsWhatTheDocumentationShows) {
  TemporaryFolder folder;
  TestClock clock;
  auto store = open_rocksdb_store(folder.path(), clock).value();
  store->write(Batch().put(provenance("p", {"Observation/a", "Observation/b"})).transaction())
      .value();
  store->write(Batch().put(provenance("p", {"Observation/b"})).transaction()).value();
  store.reset();
  EXPECT_EQ(dump_targets(folder.path()), (Lines{"006061"
                                                "00"
                                                "70"
                                                " "
                                                "0200000000000000",
                                                "006062"
                                                "00"
                                                "70"
                                                " "
                                                "ffffffffffffffff"}));
}

// Stores of the earlier format versions get the rows that the program would have written.
TEST(TargetsUpgrade, RemembersWhatTheVersionsOfProvenancesTell) {
  TemporaryFolder folder;
  TestClock clock;
  auto store = open_rocksdb_store(folder.path(), clock).value();
  const auto write = [&](const Batch& batch) { store->write(batch.transaction()).value(); };
  write(Batch().put(provenance("p", {"Observation/a", "Observation/b"})));
  write(Batch().put(provenance("p", {"Observation/b"})));
  write(Batch().put(provenance("p", {"Observation/a", "Observation/c"})));
  write(Batch().put(provenance("p", {"Patient/x"})));
  write(Batch().put(provenance("gone", {"Observation/a"})));
  write(Batch().remove("Provenance", "gone"));
  store.reset();
  const auto expected = dump_targets(folder.path());
  EXPECT_EQ(expected.size(), 5u);
  for (const std::uint64_t version : {1, 2}) {
    with_database(folder.path(), [&](rocksdb::DB& db, rocksdb::ColumnFamilyHandle& family) {
      if (family.GetName() == "targets" || (version == 1 && family.GetName() == "members")) {
        ASSERT_TRUE(db.DropColumnFamily(&family).ok());
      }
      if (family.GetName() == "default") {
        ASSERT_TRUE(db.Put({}, &family, "format", encode_number(version)).ok());
      }
    });
    open_rocksdb_store(folder.path(), clock).value().reset();
    EXPECT_EQ(dump_targets(folder.path()), expected);
    // A crash before the new version was noted: all of it is done again.
    with_database(folder.path(), [&](rocksdb::DB& db, rocksdb::ColumnFamilyHandle& family) {
      if (family.GetName() == "default") {
        ASSERT_TRUE(db.Put({}, &family, "format", encode_number(version)).ok());
      }
    });
    open_rocksdb_store(folder.path(), clock).value().reset();
    EXPECT_EQ(dump_targets(folder.path()), expected);
  }
}

// Version 3 differs in nothing but that there were no packed lines.
TEST(TargetsUpgrade, AStoreThatHasRowsKeepsThemAndGetsTheNewVersion) {
  TemporaryFolder folder;
  TestClock clock;
  auto store = open_rocksdb_store(folder.path(), clock).value();
  store->write(Batch().put(provenance("p", {"Observation/a"})).transaction()).value();
  store.reset();
  const auto expected = dump_targets(folder.path());
  ASSERT_EQ(expected.size(), 1u);
  std::string format;
  const auto with_format = [&](auto use) {
    with_database(folder.path(), [&](rocksdb::DB& db, rocksdb::ColumnFamilyHandle& family) {
      if (family.GetName() == "default") use(db, family);
    });
  };
  with_format([](rocksdb::DB& db, rocksdb::ColumnFamilyHandle& family) {
    ASSERT_TRUE(db.Put({}, &family, "format", encode_number(3)).ok());
  });
  open_rocksdb_store(folder.path(), clock).value().reset();
  EXPECT_EQ(dump_targets(folder.path()), expected);
  with_format([&](rocksdb::DB& db, rocksdb::ColumnFamilyHandle& family) {
    ASSERT_TRUE(db.Get({}, &family, "format", &format).ok());
  });
  EXPECT_EQ(format, encode_number(4));
}

}  // namespace
}  // namespace sluice::store
