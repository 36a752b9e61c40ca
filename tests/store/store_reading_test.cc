// What every back end of the store promises for reading: order, ranges, seeks, stability of as-of
// reads, and what compaction may drop.
#include <algorithm>

#include "store_fixture.h"

namespace sluice::store {
namespace {

using Lines = std::vector<std::string>;

class StoreReading : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(EachBackend, StoreReading, testing::ValuesIn(backends()),
                         [](const auto& i) { return i.param.name; });

TEST_P(StoreReading, ARangeIsOrderedByOwnerThenId) {
  write(Batch()
            .put(make_resource("Observation", "b", "x", {"p2"}))
            .put(make_resource("Observation", "a", "x", {"p2"}))
            .put(make_resource("Observation", "z", "x", {"p1"}))
            .put(make_resource("Observation", "m", "x"))
            .put(make_resource("Observation", "n", "x", {"p10"}))
            .put(make_resource("Organization", "h", "x"))
            .put(make_resource("OperationOutcome", "h", "x")));
  const auto type = type_of("Observation");
  EXPECT_EQ(scan_all("Observation", last()),
            (Lines{"/m@1", "p1/z@1", "p10/n@1", "p2/a@1", "p2/b@1"}));
  EXPECT_EQ(scan(without_owner(type), last()), Lines{"/m@1"});
  EXPECT_EQ(scan(with_owner(type), last()), (Lines{"p1/z@1", "p10/n@1", "p2/a@1", "p2/b@1"}));
  EXPECT_EQ(scan(of_owner(type, "p1"), last()), Lines{"p1/z@1"});
  EXPECT_EQ(scan(of_owner(type, "p2"), last()), (Lines{"p2/a@1", "p2/b@1"}));
  EXPECT_EQ(scan(of_owner(type, "p"), last()), Lines{});
  EXPECT_EQ(scan(of_owner(type, ""), last()), Lines{"/m@1"});
  EXPECT_EQ(scan_all("Organization", last()), Lines{"/h@1"});
}

TEST_P(StoreReading, SeeksGoForwardsAndBackwardsWithinTheRange) {
  Batch batch;
  for (const char* owner : {"p1", "p2", "p3", "p4", "p5"})
    for (const char* id : {"a", "b"})
      batch.put(make_resource("Condition", std::string(owner) + id, "x", {owner}));
  write(batch);
  const auto first_after = [](Scan& scan) {
    RecordView record;
    return scan.next(record).value() ? std::string(record.id) : "end";
  };
  const auto scan = store_->scan(whole_type(type_of("Condition")), last()).value();
  scan->seek_owner("p3");
  EXPECT_EQ(first_after(*scan), "p3a");
  EXPECT_EQ(first_after(*scan), "p3b");
  EXPECT_EQ(first_after(*scan), "p4a");
  scan->seek_owner("p2");
  EXPECT_EQ(first_after(*scan), "p2a");
  scan->seek_owner("p44");
  EXPECT_EQ(first_after(*scan), "p5a");
  scan->seek_owner("p9");
  EXPECT_EQ(first_after(*scan), "end");
  EXPECT_EQ(first_after(*scan), "end");
  scan->seek_owner("");
  EXPECT_EQ(first_after(*scan), "p1a");

  KeyRange inner = of_owner(type_of("Condition"), "p2");
  inner.to = of_owner(type_of("Condition"), "p4").from;
  const auto narrow = store_->scan(inner, last()).value();
  EXPECT_EQ(first_after(*narrow), "p2a");
  narrow->seek_owner("p1");
  EXPECT_EQ(first_after(*narrow), "p2a");
  narrow->seek_owner("p3");
  EXPECT_EQ(first_after(*narrow), "p3a");
  EXPECT_EQ(first_after(*narrow), "p3b");
  EXPECT_EQ(first_after(*narrow), "end");
  narrow->seek_owner("p4");
  EXPECT_EQ(first_after(*narrow), "end");
}

TEST_P(StoreReading, AScanDoesNotSeeWhatIsWrittenMeanwhile) {
  Batch batch;
  Lines expected;
  for (int i = 100; i < 200; ++i) {
    batch.put(make_resource("Condition", "c" + std::to_string(i), "x", {"p"}));
    expected.push_back("p/c" + std::to_string(i) + "@1");
  }
  write(batch);
  const auto scan = store_->scan(whole_type(type_of("Condition")), last()).value();
  RecordView record;
  Lines found;
  for (int i = 0; scan->next(record).value(); ++i) {
    found.push_back(std::string(record.owner) + "/" + std::string(record.id) + "@" +
                    std::to_string(record.version));
    if (i != 10) continue;
    for (int n = 100; n < 200; ++n)
      put(make_resource("Condition", "c" + std::to_string(n), "y", {n % 2 == 0 ? "p" : "q"}));
    put(make_resource("Condition", "c150-new", "y", {"p"}));
    remove("Condition", "c180");
    store_->compact().value();
  }
  EXPECT_EQ(found, expected);
  EXPECT_EQ(scan_all("Condition", {1}), expected);
}

TEST_P(StoreReading, AFutureSequenceReadsTheNewest) {
  put(make_resource("Patient", "a", "x", {"a"}));
  EXPECT_EQ(scan_all("Patient", {99}), Lines{"a/a@1"});
  EXPECT_EQ(read("Patient", "a", {99}), "1 x");
  EXPECT_EQ(changes({0}, {99}).size(), 1u);
  EXPECT_EQ(changes({98}, {99}).size(), 0u);
  EXPECT_EQ(store_->change_count({0}, {99}).value(), 1u);
}

TEST_P(StoreReading, AnOwnerThatIsKnownGivesTheSameRecord) {
  const auto of = [](const std::string& patient, const std::string& text) {
    return make_resource("Observation", "o", text, {patient});
  };
  std::vector<Sequence> sequences{last()};
  sequences.push_back(put(of("a", "one")));
  sequences.push_back(put(of("a", "two")));
  sequences.push_back(put(of("b", "moved")));
  sequences.push_back(remove("Observation", "o"));
  sequences.push_back(put(of("a", "back")));
  for (const auto sequence : sequences) {
    const fhir::ResourceId key{type_of("Observation"), "o"};
    const auto expected = store_->read(key, sequence).value();
    // Whether the owner is right, was right once, or never was.
    for (const char* owner : {"a", "b", "c", ""}) {
      const auto found = store_->read_of(owner, key, sequence).value();
      ASSERT_EQ(found.has_value(), expected.has_value()) << sequence.value << owner;
      if (!found) continue;
      EXPECT_EQ(found->json, expected->json);
      EXPECT_EQ(found->owner, expected->owner);
      EXPECT_EQ(found->owners, expected->owners);
      EXPECT_EQ(found->sequence, expected->sequence);
      EXPECT_EQ(found->version, expected->version);
      EXPECT_EQ(found->last_updated, expected->last_updated);
    }
  }
}

TEST_P(StoreReading, SaysWhichResourcesExisted) {
  put(make_resource("Group", "g1", "x"));            // 1
  put(make_resource("Group", "g2", "x"));            // 2
  remove("Group", "g1");                             // 3
  put(make_resource("Group", "g2", "y"));            // 4
  put(make_resource("Group", "g1", "z"));            // 5
  put(make_resource("Patient", "g3", "z", {"g3"}));  // 6
  const std::vector<std::string> ids = {"g1", "g2", "g3", "g1", ""};
  const auto exist = [&](std::uint64_t as_of) {
    return store_->exist(type_of("Group"), ids, {as_of}).value();
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(exist(0), (std::vector{false, false, false, false, false}));
    EXPECT_EQ(exist(1), (std::vector{true, false, false, true, false}));
    EXPECT_EQ(exist(2), (std::vector{true, true, false, true, false}));
    EXPECT_EQ(exist(3), (std::vector{false, true, false, false, false}));
    EXPECT_EQ(exist(4), (std::vector{false, true, false, false, false}));
    EXPECT_EQ(exist(6), (std::vector{true, true, false, true, false}));
    reopen();
  }
  std::vector<std::string> many(3000, "nobody");
  many[2999] = "g2";
  const auto found = store_->exist(type_of("Group"), many, last()).value();
  EXPECT_EQ(std::count(found.begin(), found.end(), true), 1);
  EXPECT_TRUE(found[2999]);
}

TEST_P(StoreReading, CompactionKeepsWhatTheHorizonNeedsAndDropsTheRest) {
  for (int version = 1; version <= 6; ++version)
    put(make_resource("Patient", "a", std::string(20'000, static_cast<char>('a' + version)),
                      {"a"}));
  put(make_resource("Patient", "b", "x", {"b"}));  // 7
  remove("Patient", "b");                          // 8
  const auto check = [&](std::uint64_t from) {
    for (std::uint64_t as_of = from; as_of <= 8; ++as_of) {
      const auto version = std::to_string(std::min<std::uint64_t>(as_of, 6));
      Lines expected{"a/a@" + version};
      if (as_of == 7) expected.push_back("b/b@1");
      EXPECT_EQ(scan_all("Patient", {as_of}), expected);
      EXPECT_EQ(read("Patient", "a", {as_of}).substr(0, 1), version);
      EXPECT_EQ(read("Patient", "b", {as_of}), as_of == 7 ? "1 x" : "none");
    }
  };
  store_->compact().value();
  check(1);
  store_->set_history_horizon({4});
  store_->compact().value();
  check(4);
  reopen();
  store_->compact().value();  // The horizon is not kept: nothing more is dropped.
  check(4);
  store_->set_history_horizon({8});
  store_->compact().value();
  check(8);
  // Versions go on counting although nothing of the old ones is left.
  EXPECT_EQ(write(Batch().put(make_resource("Patient", "b", "y", {"b"}))).puts[0].version, 3u);
  EXPECT_EQ(scan_all("Patient", {8}), Lines{"a/a@6"});
  EXPECT_EQ(scan_all("Patient", {9}), (Lines{"a/a@6", "b/b@3"}));
}

TEST_P(StoreReading, ADroppedTombstoneBringsNothingOldBack) {
  // The old value is at the bottom, the tombstone is dropped before it gets there.
  put(make_resource("Patient", "a", "x", {"a"}));
  store_->compact().value();
  put(make_resource("Patient", "b", "x", {"b"}));
  remove("Patient", "a");
  store_->set_history_horizon(last());
  reopen();  // flushes
  store_->set_history_horizon(last());
  EXPECT_EQ(scan_all("Patient", last()), Lines{"b/b@1"});
  store_->compact().value();
  EXPECT_EQ(scan_all("Patient", last()), Lines{"b/b@1"});
  put(make_resource("Patient", "a", "y", {"a"}));
  EXPECT_EQ(scan_all("Patient", {3}), Lines{"b/b@1"});
  EXPECT_EQ(read("Patient", "a", {3}), "none");
  EXPECT_EQ(read("Patient", "a", last()), "3 y");
}

}  // namespace
}  // namespace sluice::store
