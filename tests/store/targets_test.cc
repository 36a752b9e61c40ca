// P-08: what the store remembers of the targets of Provenances, as of every sequence; and the
// upgrade of stores that remembered nothing.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/bytes.h"
#include "raw_database.h"
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

// The worked example of docs/formats.md.
TEST(TargetsFormat, IsWhatTheDocumentationShows) {
  TemporaryFolder folder;
  TestClock clock;
  auto store = open_rocksdb_store(folder.path(), clock).value();
  store->write(Batch().put(provenance("p", {"Observation/a", "Observation/b"})).transaction())
      .value();
  store->write(Batch().put(provenance("p", {"Observation/b"})).transaction()).value();
  store.reset();
  EXPECT_EQ(dump(folder.path(), "targets"), (Lines{"006061"
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
  const auto expected = dump(folder.path(), "targets");
  EXPECT_EQ(expected.size(), 5u);
  for (const std::uint64_t version : {1, 2}) {
    drop_family(folder.path(), "targets");
    if (version == 1) drop_family(folder.path(), "members");
    set_format(folder.path(), version);
    open_rocksdb_store(folder.path(), clock).value().reset();
    EXPECT_EQ(dump(folder.path(), "targets"), expected);
    // A crash before the new version was noted: all of it is done again.
    set_format(folder.path(), version);
    open_rocksdb_store(folder.path(), clock).value().reset();
    EXPECT_EQ(dump(folder.path(), "targets"), expected);
  }
}

// Version 3 differs in nothing but that there were no packed lines.
TEST(TargetsUpgrade, AStoreThatHasRowsKeepsThemAndGetsTheNewVersion) {
  TemporaryFolder folder;
  TestClock clock;
  auto store = open_rocksdb_store(folder.path(), clock).value();
  store->write(Batch().put(provenance("p", {"Observation/a"})).transaction()).value();
  store.reset();
  const auto expected = dump(folder.path(), "targets");
  ASSERT_EQ(expected.size(), 1u);
  set_format(folder.path(), 3);
  open_rocksdb_store(folder.path(), clock).value().reset();
  EXPECT_EQ(dump(folder.path(), "targets"), expected);
  const auto rows = dump(folder.path(), "default");
  const std::string format = to_hex("format") + " " + to_hex(encode_number(6));
  EXPECT_NE(std::find(rows.begin(), rows.end(), format), rows.end());
}

}  // namespace
}  // namespace sluice::store
