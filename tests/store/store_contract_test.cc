// What every back end of the store promises for writing: versions, removals, owners, the change
// log, documents, and that all of it is there again after closing and opening.
#include <fmt/format.h>

#include <algorithm>

#include "store_fixture.h"

namespace sluice::store {
namespace {

using Lines = std::vector<std::string>;

class StoreContract : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(EachBackend, StoreContract, testing::ValuesIn(backends()),
                         [](const auto& i) { return i.param.name; });

std::vector<PutStatus> statuses(const std::vector<PutOutcome>& outcomes) {
  std::vector<PutStatus> found;
  for (const auto& outcome : outcomes) found.push_back(outcome.status);
  return found;
}

TEST_P(StoreContract, ANewStoreIsEmpty) {
  EXPECT_EQ(store_->last_commit().sequence.value, 0u);
  EXPECT_EQ(store_->last_commit().instant.milliseconds, 0);
  EXPECT_EQ(scan_all("Patient", last()), Lines{});
  EXPECT_EQ(read("Patient", "a", last()), "none");
  EXPECT_TRUE(store_->statistics().value().empty());
  EXPECT_EQ(store_->document("job/1").value(), std::nullopt);
  EXPECT_EQ(store_->commit_at({1}).value().sequence.value, 0u);
  EXPECT_EQ(store_->change_count({0}, {0}).value(), 0u);
  reopen();
  EXPECT_EQ(store_->last_commit().sequence.value, 0u);
}

TEST_P(StoreContract, ATransactionCanDemandThatTypesAreUnchangedSince) {  // I-02
  const Sequence start = put(make_resource("Observation", "o", "one"));
  const auto is_taken = [&](Sequence since, std::vector<fhir::ResourceType> types) {
    const auto resource = make_resource("Patient", "p", std::to_string(last().value));
    Transaction transaction;
    transaction.puts = {&resource};
    transaction.unchanged = {{since, std::move(types)}};
    const Sequence before = last();
    const auto outcome = store_->write(transaction);
    EXPECT_TRUE(outcome || outcome.error().kind == ErrorKind::kConflict);
    EXPECT_EQ(last() == before, !outcome);
    return outcome.has_value();
  };
  const auto observations = type_of("Observation");
  EXPECT_TRUE(is_taken(start, {observations, type_of("Patient")}));
  EXPECT_TRUE(is_taken(start, {observations})) << "only a Patient was written since";
  EXPECT_FALSE(is_taken(start, {observations, type_of("Patient")}));
  put(make_resource("Observation", "o", "one"));
  EXPECT_TRUE(is_taken(start, {observations})) << "the same content is no change";
  EXPECT_FALSE(is_taken({0}, {observations})) << "nothing was there then";
  const Sequence removed = remove("Observation", "o");
  EXPECT_FALSE(is_taken(start, {observations}));
  EXPECT_TRUE(is_taken(removed, {observations}));
}

TEST_P(StoreContract, ATransactionCanDemandThatACompartmentIsUnchangedSince) {  // I-02
  const auto is_taken = [&](Sequence since) {
    Transaction transaction;
    transaction.unchanged = {{since, {}, "p"}};
    const auto outcome = store_->write(transaction);
    EXPECT_TRUE(outcome || outcome.error().kind == ErrorKind::kConflict);
    return outcome.has_value();
  };
  Sequence since = put(make_resource("Observation", "o", "one", {"p"}));
  put(make_resource("Observation", "other", "one", {"q"}));
  EXPECT_TRUE(is_taken(since));
  since = last();
  put(make_resource("Observation", "both", "one", {"a", "p"}));
  EXPECT_FALSE(is_taken(since)) << "stored with another owner";
  since = last();
  remove("Observation", "both");
  EXPECT_FALSE(is_taken(since));
  since = last();
  put(make_resource("Observation", "o", "two", {"p"}));
  EXPECT_FALSE(is_taken(since));
  since = last();
  put(make_resource("Observation", "other", "two", {"p"}));
  EXPECT_FALSE(is_taken(since)) << "moved into it";
  EXPECT_TRUE(is_taken(last()));
}

TEST_P(StoreContract, TheChangeLogTellsTheOwnersThatAResourceHasNoMore) {  // M-04
  put(make_resource("Observation", "o", "one", {"p", "q"}));
  put(make_resource("Observation", "o", "two", {"p", "q"}));
  put(make_resource("Observation", "o", "three", {"q", "r"}));
  put(make_resource("Observation", "o", "four"));
  put(make_resource("Observation", "o", "five", {"s"}));
  // The same content, understood otherwise.
  const auto moved = write(Batch().put(make_resource("Observation", "o", "five", {"t"})));
  EXPECT_EQ(moved.puts[0].status, PutStatus::kUpdated);
  remove("Observation", "o");
  put(make_resource("Observation", "o", "six", {"u"}));
  reopen();
  const auto told = [&](std::unique_ptr<ChangeScan> scan) {
    Lines lines;
    Change change;
    while (scan->next(change).value()) {
      std::string line =
          fmt::format("{} {}:", change.kind == ChangeKind::kPut ? "put" : "remove", change.owner);
      OwnerList owners(change.owners);
      while (const auto owner = owners.next()) line += fmt::format(" {}", *owner);
      lines.push_back(line);
    }
    return lines;
  };
  const Lines expected{"put p:", "put p:",   "put q: p q",  "put : q r",
                       "put s:", "put t: s", "remove t: t", "put u:"};
  EXPECT_EQ(told(store_->changes({0}, last()).value()), expected);
  auto newest_first = told(store_->changes_newest_first({{last().value + 1}, 0}, {0}).value());
  std::reverse(newest_first.begin(), newest_first.end());
  EXPECT_EQ(newest_first, expected);
  EXPECT_EQ(store_->former_owners_from().value, 0u);
}

TEST_P(StoreContract, StoresTheExportedLineWithVersionAndInstant) {  // F-05
  clock_.milliseconds = 1'700'000'000'123;
  const auto outcome =
      write(Batch().put(make_resource("Observation", "o1", "x", {"p1"},
                                      {id_of("Practitioner", "dr"), id_of("Organization", "h")})));
  EXPECT_EQ(outcome.commit.sequence.value, 1u);
  EXPECT_EQ(outcome.commit.instant.milliseconds, 1'700'000'000'123);
  ASSERT_EQ(outcome.puts.size(), 1u);
  EXPECT_EQ(outcome.puts[0].status, PutStatus::kCreated);
  EXPECT_EQ(outcome.puts[0].version, 1u);
  for (int round = 0; round < 2; ++round) {
    const auto record = store_->read(id_of("Observation", "o1"), last()).value();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->json, line_of("Observation", "o1", "x", 1, "2023-11-14T22:13:20.123Z"));
    EXPECT_EQ(record->owner, "p1");
    EXPECT_EQ(record->version, 1u);
    EXPECT_EQ(record->sequence.value, 1u);
    EXPECT_EQ(record->last_updated.milliseconds, 1'700'000'000'123);
    OwnerList owners(record->owners);
    EXPECT_EQ(owners.next(), "p1");
    EXPECT_EQ(owners.next(), std::nullopt);
    SupportingReferences references(record->supporting);
    const auto first = references.next();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->type, type_of("Practitioner"));
    EXPECT_EQ(first->id, "dr");
    const auto second = references.next();
    ASSERT_TRUE(second);
    EXPECT_EQ(second->type, type_of("Organization"));
    EXPECT_EQ(second->id, "h");
    EXPECT_EQ(std::string(first->encoded) + std::string(second->encoded), record->supporting);
    EXPECT_FALSE(references.next());
    reopen();
  }
}

TEST_P(StoreContract, TheSameContentMakesNoNewVersion) {
  put(make_resource("Patient", "a", "x", {"a"}));
  const auto again = write(Batch().put(make_resource("Patient", "a", "x", {"a"})));
  EXPECT_EQ(again.puts[0].status, PutStatus::kUnchanged);
  EXPECT_EQ(again.puts[0].version, 1u);
  EXPECT_EQ(changes({0}, last()), (Lines{"1 put Patient/a a"}));
  EXPECT_EQ(store_->read(id_of("Patient", "a"), last()).value()->sequence.value, 1u);
}

TEST_P(StoreContract, OtherContentMakesANewVersionAndKeepsTheOldOne) {
  put(make_resource("Patient", "a", "x", {"a"}));
  const auto second = write(Batch().put(make_resource("Patient", "a", "y", {"a"})));
  EXPECT_EQ(second.puts[0].status, PutStatus::kUpdated);
  EXPECT_EQ(second.puts[0].version, 2u);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(read("Patient", "a", {0}), "none");
    EXPECT_EQ(read("Patient", "a", {1}), "1 x");
    EXPECT_EQ(read("Patient", "a", {2}), "2 y");
    EXPECT_EQ(scan_all("Patient", {0}), Lines{});
    EXPECT_EQ(scan_all("Patient", {1}), Lines{"a/a@1"});
    EXPECT_EQ(scan_all("Patient", {2}), Lines{"a/a@2"});
    reopen();
  }
}

TEST_P(StoreContract, LeavesADifferentResourceWhenAskedTo) {
  put(make_resource("Patient", "a", "x", {"a"}));
  const auto outcome = write(Batch()
                                 .leave_different()
                                 .put(make_resource("Patient", "a", "y", {"a"}))
                                 .put(make_resource("Patient", "b", "y", {"b"})));
  EXPECT_EQ(statuses(outcome.puts), (std::vector{PutStatus::kDiffers, PutStatus::kCreated}));
  EXPECT_EQ(outcome.puts[0].version, 1u);
  EXPECT_EQ(read("Patient", "a", last()), "1 x");
  EXPECT_EQ(read("Patient", "b", last()), "1 y");
}

TEST_P(StoreContract, OfTwoPutsOfOneResourceTheLaterCounts) {
  const auto outcome = write(Batch()
                                 .put(make_resource("Patient", "a", "x", {"a"}))
                                 .put(make_resource("Patient", "b", "z", {"b"}))
                                 .put(make_resource("Patient", "a", "y", {"a"})));
  EXPECT_EQ(statuses(outcome.puts),
            (std::vector{PutStatus::kCreated, PutStatus::kCreated, PutStatus::kCreated}));
  EXPECT_EQ(read("Patient", "a", last()), "1 y");
  EXPECT_EQ(store_->change_count({0}, last()).value(), 2u);
  EXPECT_EQ(store_->statistics().value()[0].resources, 2u);
}

TEST_P(StoreContract, ARemovalIsAppliedAfterThePutsOfItsTransaction) {
  put(make_resource("Patient", "a", "x", {"a"}));
  const auto outcome =
      write(Batch().put(make_resource("Patient", "a", "y", {"a"})).remove("Patient", "a"));
  EXPECT_EQ(statuses(outcome.removals), (std::vector{PutStatus::kDeleted}));
  EXPECT_EQ(statuses(outcome.puts), (std::vector{PutStatus::kDeleted}));
  EXPECT_EQ(read("Patient", "a", last()), "none");
}

TEST_P(StoreContract, VersionsGoOnCountingAfterADeletion) {
  put(make_resource("Patient", "a", "x", {"a"}));
  const auto removed = write(Batch().remove("Patient", "a").remove("Patient", "b"));
  EXPECT_EQ(statuses(removed.removals), (std::vector{PutStatus::kDeleted, PutStatus::kAbsent}));
  EXPECT_EQ(removed.removals[0].version, 2u);
  EXPECT_EQ(removed.removals[1].version, 0u);
  EXPECT_EQ(write(Batch().remove("Patient", "a")).removals[0].status, PutStatus::kAbsent);
  reopen();
  const auto again = write(Batch().put(make_resource("Patient", "a", "x", {"a"})));
  EXPECT_EQ(again.puts[0].status, PutStatus::kCreated);
  EXPECT_EQ(again.puts[0].version, 3u);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(read("Patient", "a", {1}), "1 x");
    EXPECT_EQ(read("Patient", "a", {2}), "none");
    EXPECT_EQ(read("Patient", "a", {3}), "none");
    EXPECT_EQ(read("Patient", "a", {4}), "3 x");
    EXPECT_EQ(scan_all("Patient", {1}), Lines{"a/a@1"});
    EXPECT_EQ(scan_all("Patient", {3}), Lines{});
    EXPECT_EQ(scan_all("Patient", {4}), Lines{"a/a@3"});
    EXPECT_EQ(changes({0}, last()),
              (Lines{"1 put Patient/a a", "2 remove Patient/a a", "4 put Patient/a a"}));
    reopen();
  }
}

TEST_P(StoreContract, AResourceInSeveralCompartmentsIsStoredOnceAndLinked) {
  put(make_resource("Appointment", "x", "t", {"p1", "p2", "p3"}, {id_of("Location", "l")}));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(scan_all("Appointment", last()), (Lines{"p1/x@1", "->p2/x@1", "->p3/x@1"}));
    EXPECT_EQ(scan(of_owner(type_of("Appointment"), "p2"), last()), Lines{"->p2/x@1"});
    auto scan = store_->scan(of_owner(type_of("Appointment"), "p2"), last()).value();
    RecordView link;
    ASSERT_TRUE(scan->next(link).value());
    EXPECT_EQ(link.json, "");
    EXPECT_EQ(link.supporting, "");
    EXPECT_EQ(link.owners, std::string_view("\2p1\2p2\2p3"));
    EXPECT_EQ(link.last_updated, store_->last_commit().instant);
    scan.reset();
    EXPECT_EQ(store_->statistics().value()[0].resources, 1u);
    reopen();
  }
}

TEST_P(StoreContract, ALinkToAResourceOfManyOwnersKnowsThemAll) {
  std::vector<std::string> owners;
  for (int i = 100; i < 300; ++i) owners.push_back("p" + std::to_string(i));
  put(make_resource("Appointment", "x", "t", owners));
  const auto scan = store_->scan(of_owner(type_of("Appointment"), "p250"), last()).value();
  RecordView link;
  ASSERT_TRUE(scan->next(link).value());
  EXPECT_TRUE(link.is_link);
  OwnerList list(link.owners);
  for (const auto& owner : owners) EXPECT_EQ(list.next(), owner);
  EXPECT_FALSE(list.next());
}

// compared one by one, so many owners would take minutes, in which nobody else writes.
TEST_P(StoreContract, ManyOwnersMoveAtOnce) {
  constexpr int kOwners = 100'000;
  std::vector<std::string> before, after;
  for (int i = 0; i < kOwners; ++i) {
    before.push_back(fmt::format("p{:06}", i));
    after.push_back(fmt::format("p{:06}", i + kOwners - 1));
  }
  put(make_resource("Appointment", "x", "t", before));
  put(make_resource("Appointment", "x", "u", after));
  const auto has = [&](const std::string& owner) {
    const auto scan = store_->scan(of_owner(type_of("Appointment"), owner), last()).value();
    RecordView record;
    return scan->next(record).value();
  };
  EXPECT_FALSE(has(before[kOwners - 2]));
  EXPECT_TRUE(has(before.back()) && has(after.back()));
}

TEST_P(StoreContract, AnOwnerChangeMovesTheResource) {
  put(make_resource("Observation", "o", "x", {"p1"}));        // 1
  put(make_resource("Observation", "o", "y", {"p2"}));        // 2
  put(make_resource("Observation", "o", "z", {}));            // 3
  put(make_resource("Observation", "o", "v", {"p1", "p2"}));  // 4
  put(make_resource("Observation", "o", "w", {"p2", "p3"}));  // 5
  EXPECT_EQ(remove("Observation", "o").value, 6u);            // 6
  put(make_resource("Observation", "o", "u", {"p9"}));        // 7
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(scan_all("Observation", {1}), Lines{"p1/o@1"});
    EXPECT_EQ(scan_all("Observation", {2}), Lines{"p2/o@2"});
    EXPECT_EQ(scan_all("Observation", {3}), Lines{"/o@3"});
    EXPECT_EQ(scan_all("Observation", {4}), (Lines{"p1/o@4", "->p2/o@4"}));
    EXPECT_EQ(scan_all("Observation", {5}), (Lines{"p2/o@5", "->p3/o@5"}));
    EXPECT_EQ(scan_all("Observation", {6}), Lines{});
    EXPECT_EQ(scan_all("Observation", {7}), Lines{"p9/o@7"});
    EXPECT_EQ(scan(without_owner(type_of("Observation")), {3}), Lines{"/o@3"});
    EXPECT_EQ(scan(with_owner(type_of("Observation")), {3}), Lines{});
    EXPECT_EQ(read("Observation", "o", {1}), "1 x");
    EXPECT_EQ(read("Observation", "o", {2}), "2 y");
    EXPECT_EQ(read("Observation", "o", {3}), "3 z");
    EXPECT_EQ(read("Observation", "o", {4}), "4 v");
    EXPECT_EQ(read("Observation", "o", {5}), "5 w");
    EXPECT_EQ(read("Observation", "o", {6}), "none");
    EXPECT_EQ(read("Observation", "o", {7}), "7 u");
    EXPECT_EQ(changes({3}, last()), (Lines{"4 put Observation/o p1", "5 put Observation/o p2",
                                           "6 remove Observation/o p2", "7 put Observation/o p9"}));
    EXPECT_EQ(store_->statistics().value()[0].resources, 1u);
    store_->compact().value();
    reopen();
  }
}

// R-05, M-01
TEST_P(StoreContract, InstantsAreTheClocksAndGoOnAtTheNewestWhenItGoesBack) {
  clock_.milliseconds = 5000;
  EXPECT_EQ(write(Batch()).commit.instant.milliseconds, 5000);
  EXPECT_EQ(write(Batch()).commit.instant.milliseconds, 5000);
  clock_.milliseconds = 5001;
  EXPECT_EQ(write(Batch()).commit.instant.milliseconds, 5001);
  clock_.milliseconds = 10;
  EXPECT_EQ(write(Batch()).commit.instant.milliseconds, 5001);
  EXPECT_EQ(write(Batch().seal()).commit.instant.milliseconds, 5002);
  EXPECT_EQ(write(Batch()).commit.instant.milliseconds, 5003);
  reopen();
  EXPECT_EQ(store_->last_commit().sequence.value, 6u);
  EXPECT_EQ(store_->last_commit().instant.milliseconds, 5003);
  EXPECT_EQ(write(Batch()).commit.instant.milliseconds, 5004) << "it may have been a seal";
  EXPECT_EQ(write(Batch()).commit.instant.milliseconds, 5004);
  clock_.milliseconds = 9000;
  EXPECT_EQ(write(Batch()).commit.instant.milliseconds, 9000);
  for (int round = 0; round < 2; ++round) {
    const auto at = [&](std::int64_t instant) {
      return store_->commit_at({instant}).value().sequence.value;
    };
    EXPECT_EQ(at(4999), 0u);
    EXPECT_EQ(at(5000), 2u);
    EXPECT_EQ(at(5001), 4u);
    EXPECT_EQ(at(5002), 5u);
    EXPECT_EQ(at(5003), 6u);
    EXPECT_EQ(at(8999), 8u);
    EXPECT_EQ(at(9000), 9u);
    EXPECT_EQ(at(99999), 9u);
    EXPECT_EQ(at(-1), 0u);
    EXPECT_EQ(store_->commit_at({8999}).value().instant.milliseconds, 5004);
    const auto instant_of = [&](std::uint64_t sequence) {
      return store_->commit_of({sequence}).value()->instant.milliseconds;
    };
    EXPECT_EQ(instant_of(0), 0);
    EXPECT_EQ(instant_of(1), 5000);
    EXPECT_EQ(instant_of(2), 5000);
    EXPECT_EQ(instant_of(9), 9000);
    EXPECT_FALSE(store_->commit_of({10}).value());
    reopen();
  }
}

// M-01 with a clock that many commits share a millisecond of: a seal has its own, and nothing runs
// ahead of the clock for it.
TEST_P(StoreContract, ASealedInstantIsOfOneCommitAloneAndNotAheadOfTheClock) {
  const SystemClock clock;
  store_.reset();
  const auto store = GetParam().open(folder_.path() / "other", clock).value();
  std::vector<std::pair<Instant, bool>> commits;
  for (int i = 0; i < 400; ++i) {
    Batch batch;
    if (i % 10 == 9) batch.seal();
    batch.not_durable();
    const Instant instant = store->write(batch.transaction()).value().commit.instant;
    ASSERT_LE(instant, clock.now());
    commits.emplace_back(instant, i % 10 == 9);
  }
  for (std::size_t i = 1; i < commits.size(); ++i) {
    const bool is_apart = commits[i - 1].second || commits[i].second;
    ASSERT_LE(commits[i - 1].first.milliseconds + (is_apart ? 1 : 0), commits[i].first.milliseconds)
        << i;
  }
}

TEST_P(StoreContract, TheChangeLogIsCountedExactly) {
  Batch many;
  for (int i = 0; i < 5000; ++i)
    many.put(make_resource("Observation", "o" + std::to_string(i), "x", {"p"}));
  write(Batch());                                       // 1: nothing
  write(many);                                          // 2: 5000
  write(Batch().remove("Observation", "o7"));           // 3: 1
  write(Batch().document("k", "v"));                    // 4: nothing
  put(make_resource("Observation", "o9", "y", {"p"}));  // 5: 1
  for (int round = 0; round < 2; ++round) {
    for (std::uint64_t after = 0; after <= 5; ++after)
      for (std::uint64_t up_to = 0; up_to <= 6; ++up_to)
        EXPECT_EQ(store_->change_count({after}, {up_to}).value(), changes({after}, {up_to}).size())
            << after << " " << up_to;
    EXPECT_EQ(store_->change_count({1}, {5}).value(), 5002u);
    EXPECT_EQ(store_->change_count({2}, {5}).value(), 2u);
    EXPECT_EQ(changes({1}, {2})[4999], "2 put Observation/o4999 p");
    EXPECT_EQ(changes({2}, {5}), (Lines{"3 remove Observation/o7 p", "5 put Observation/o9 p"}));
    reopen();
  }
}

TEST_P(StoreContract, CountsResourcesAndBytesByType) {
  put(make_resource("Patient", "a", "x", {"a"}));
  put(make_resource("Observation", "o", "x", {"a", "b"}));
  put(make_resource("Observation", "p", "xx", {}));
  put(make_resource("Observation", "o", "xyz", {"b"}));
  remove("Patient", "a");
  for (int round = 0; round < 2; ++round) {
    const auto statistics = store_->statistics().value();
    ASSERT_EQ(statistics.size(), 2u);
    EXPECT_EQ(statistics[0].type, type_of("Observation"));
    EXPECT_EQ(statistics[0].resources, 2u);
    const auto o = line_of("Observation", "o", "xyz", 2, "2023-11-14T22:13:20.000Z");
    const auto p = line_of("Observation", "p", "xx", 1, "2023-11-14T22:13:20.000Z");
    EXPECT_EQ(statistics[0].bytes, o.size() + 1 + p.size() + 1);
    EXPECT_EQ(statistics[1].type, type_of("Patient"));
    EXPECT_EQ(statistics[1].resources, 0u);
    EXPECT_EQ(statistics[1].bytes, 0u);
    reopen();
  }
}

TEST_P(StoreContract, DocumentsAreListedByPrefix) {
  write(Batch()
            .document("job/1", "a")
            .document("job/2", "b")
            .document("job/3", std::string("\0\xff", 2))
            .document("jobs", "c")
            .document("a", ""));
  write(Batch().document("job/2", std::nullopt).document("a", "d"));
  for (int round = 0; round < 2; ++round) {
    const auto keys = [&](std::string_view prefix, std::string_view after, std::size_t limit) {
      Lines found;
      for (const auto& d : store_->documents(prefix, after, limit).value()) found.push_back(d.key);
      return found;
    };
    EXPECT_EQ(keys("job/", "", 10), (Lines{"job/1", "job/3"}));
    EXPECT_EQ(keys("job/", "job/1", 10), Lines{"job/3"});
    EXPECT_EQ(keys("job/", "job/0", 1), Lines{"job/1"});
    EXPECT_EQ(keys("job/", "job/3", 10), Lines{});
    EXPECT_EQ(keys("", "", 10), (Lines{"a", "job/1", "job/3", "jobs"}));
    EXPECT_EQ(keys("x", "", 10), Lines{});
    EXPECT_EQ(keys("job", "", 0), Lines{});
    EXPECT_EQ(store_->document("a").value(), "d");
    EXPECT_EQ(store_->document("job/2").value(), std::nullopt);
    EXPECT_EQ(store_->document("job/3").value(), std::string("\0\xff", 2));
    reopen();
  }
}

TEST_P(StoreContract, RefusesWhatIsNoIdAndWritesNothingOfTheTransaction) {
  const auto refused = [&](const Batch& batch) {
    const auto outcome = store_->write(batch.transaction());
    return outcome.has_error() && outcome.error().kind == ErrorKind::kInvalid;
  };
  const auto good = make_resource("Patient", "a", "x", {"a"});
  EXPECT_TRUE(refused(Batch().put(good).put(make_resource("Patient", "a/b", "x"))));
  EXPECT_TRUE(refused(Batch().put(good).put(make_resource("Patient", "", "x"))));
  EXPECT_TRUE(refused(Batch().put(good).put(make_resource("Patient", "b", "x", {""}))));
  EXPECT_TRUE(refused(Batch().put(good).put(
      make_resource("Patient", "b", "x", {}, {id_of("Location", std::string(65, 'l'))}))));
  EXPECT_TRUE(refused(Batch().put(good).remove("Patient", std::string("a\0b", 3))));
  EXPECT_EQ(last().value, 0u);
  EXPECT_EQ(read("Patient", "a", last()), "none");
  EXPECT_EQ(put(good).value, 1u);
}

TEST_P(StoreContract, IsNotOpenedTwice) {
  const auto second = GetParam().open(folder_.path(), clock_);
  ASSERT_TRUE(second.has_error());
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  EXPECT_NE(second.error().message.find(folder_.path().string()), std::string::npos)
      << second.error().message;
  put(make_resource("Patient", "a", "x", {"a"}));
  EXPECT_EQ(read("Patient", "a", last()), "1 x");
}

TEST_P(StoreContract, SizeOnDiskGrowsWithWhatIsStored) {
  const auto before = store_->size_on_disk().value();
  Batch batch;
  std::string text;
  for (unsigned i = 0; i < 100'000; ++i) text.push_back(static_cast<char>('a' + (i * i / 7) % 26));
  for (int i = 0; i < 20; ++i)
    batch.put(make_resource("Patient", "p" + std::to_string(i), text + std::to_string(i)));
  write(batch);
  EXPECT_GT(store_->size_on_disk().value(), before + 10'000);
}

}  // namespace
}  // namespace sluice::store
