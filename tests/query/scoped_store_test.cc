// A-06: the store as somebody sees it whose scopes have queries.
#include "query/scoped_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "query/matches.h"
#include "rest/interactions.h"
#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"
#include "ticking_clock.h"

namespace sluice::query {
namespace {

// What routes do with it.
using rest::create;
using rest::read;
using rest::read_version;
using rest::remove;
using rest::update;

using Texts = std::set<std::string>;

fhir::ResourceType observations() {
  return *fhir::find_resource_type("Observation");
}

fhir::IncomingResource observation(const std::string& id, const std::string& status,
                                   const std::string& patients = "p") {
  std::string focus;
  if (patients.size() > 1) focus = R"(,"performer":[{"reference":"Patient/q"}])";
  return fhir::ResourceReader()
      .read(fmt::format(
          R"({{"resourceType":"Observation","id":"{}","status":"{}","code":{{"text":"x"}},"subject":{{"reference":"Patient/p"}}{}}})",
          id, status, focus))
      .value();
}

search::ResourceFilter only(const std::string& query) {
  return search::ResourceFilter::compile(observations(), {{query}}, {}).value();
}

class ScopedStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto& [id, status] : {std::pair{"f1", "final"}, {"f2", "final"}, {"a1", "amended"}})
      put(observation(id, status));
    const auto patient =
        fhir::ResourceReader().read(R"({"resourceType":"Patient","id":"p"})").value();
    put(patient);
  }

  void put(const fhir::IncomingResource& resource) {
    store::Transaction transaction;
    transaction.puts = {&resource};
    ASSERT_TRUE(store_->write(transaction));
  }

  ScopedStore limited(Rights rights) {
    return ScopedStore(*store_, clock_, [rights](fhir::ResourceType type) -> Result<Rights> {
      return type == observations() ? rights : Rights();
    });
  }
  ScopedStore final_only() {
    const auto filter = only("status=final");
    return limited({filter, filter, filter, filter});
  }

  static Texts ids(const store::Store& store, store::Sequence as_of) {
    Texts found;
    const auto scan = store.scan(store::whole_type(observations()), as_of).value();
    store::RecordView record;
    while (scan->next(record).value())
      found.insert((record.is_link ? "link " : "") + std::string(record.id));
    return found;
  }
  static Texts changed(const store::Store& store) {
    Texts found;
    const auto scan = store.changes({0}, store.last_commit().sequence).value();
    store::Change change;
    while (scan->next(change).value()) found.emplace(change.id);
    return found;
  }
  static fhir::ResourceId key(std::string id) { return {observations(), std::move(id)}; }
  store::Sequence now() const { return store_->last_commit().sequence; }

  TemporaryFolder folder_;
  TickingClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_rocksdb_store(folder_.path(), clock_).value();
};

// R-02: what looks at many resources, each in no time, must end with the request all the same.
TEST_F(ScopedStoreTest, R02ManyShortComparisonsHearTheBounds) {
  const auto filter = only("status=final");
  std::vector<std::string> others;
  for (int i = 0; i < 200; ++i) {
    put(observation("v", "amended", i % 2 == 0 ? "p" : "pq"));
    others.push_back(fmt::format("o{}", i));
    put(observation(others.back(), "amended"));
  }
  put(observation("v", "final"));
  const Rights rights{filter, filter, filter, filter};
  Bounds bounds;
  bounds.deadline = std::chrono::steady_clock::time_point();
  const auto seen = [&] {
    return std::make_unique<ScopedStore>(
        *store_, clock_, [&](fhir::ResourceType) -> Result<Rights> { return rights; }, bounds);
  };
  EXPECT_TRUE(seen()->read(key("f1"), now()).value()) << "one comparison is short";
  EXPECT_EQ(seen()->versions(key("v"), 1000, 1)->size(), 1u);
  EXPECT_EQ(seen()->versions(key("v"), 201, 1).error().kind, ErrorKind::kTimeout);
  EXPECT_EQ(seen()->exist(observations(), others, now()).error().kind, ErrorKind::kTimeout);
  bounds.deadline.reset();
  EXPECT_EQ(seen()->exist(observations(), others, now()).value(), std::vector<bool>(200, false));
}

TEST_F(ScopedStoreTest, EveryWayOfReadingShowsTheSame) {
  put(observation("f3", "final", "pq"));
  put(observation("a2", "amended", "pq"));
  const ScopedStore seen = final_only();
  EXPECT_EQ(ids(seen, now()), (Texts{"f1", "f2", "f3", "link f3"}));
  EXPECT_TRUE(seen.read(key("f1"), now()).value());
  EXPECT_FALSE(seen.read(key("a1"), now()).value());
  EXPECT_EQ(seen.exist(observations(), {"a1", "f1", "none"}, now()).value(),
            (std::vector<bool>{false, true, false}));
  EXPECT_EQ(changed(seen), (Texts{"f1", "f2", "f3"}));
  EXPECT_EQ(seen.change_count({0}, now()).value(), 3u);
  EXPECT_TRUE(seen.versions(key("a1"), 100, 10)->empty());
  // What there are no rights for at all is not there either.
  EXPECT_FALSE(seen.read({fhir::types::kPatient, "p"}, now()).value());
  for (const auto& statistics : seen.statistics().value())
    EXPECT_EQ(statistics.resources, statistics.type == observations() ? 3u : 0u);
}

TEST_F(ScopedStoreTest, VersionsAreShownWhileTheNewestMayBeSeen) {
  put(observation("f1", "amended"));
  put(observation("a1", "final"));
  const ScopedStore seen = final_only();
  EXPECT_TRUE(seen.versions(key("f1"), 100, 10)->empty());
  const auto versions = seen.versions(key("a1"), 100, 10).value();
  ASSERT_EQ(versions.size(), 1u);
  EXPECT_EQ(versions.front().version, 2u);
  EXPECT_EQ(read(seen, key("f1")).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(read_version(seen, key("a1"), 1).error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(remove(*store_, key("a1"), {}));
  ASSERT_TRUE(remove(*store_, key("f1"), {}));
  EXPECT_EQ(read(seen, key("a1")).error().kind, ErrorKind::kGone);
  EXPECT_EQ(read(seen, key("f1")).error().kind, ErrorKind::kNotFound);
}

TEST_F(ScopedStoreTest, AnOlderStateShowsNothingThatHasLeftSince) {
  const auto before = now();
  put(observation("f1", "amended"));
  put(observation("a1", "final"));
  const ScopedStore seen = final_only();
  EXPECT_EQ(ids(seen, before), (Texts{"f2"}));
  EXPECT_FALSE(seen.read(key("f1"), before).value());
  EXPECT_FALSE(seen.read(key("a1"), before).value());
  EXPECT_TRUE(seen.read(key("f2"), before).value());
  EXPECT_EQ(seen.exist(observations(), {"f1", "f2"}, before).value(),
            (std::vector<bool>{false, true}));
  // What was inside when it was deleted was not taken out of sight.
  ASSERT_TRUE(remove(*store_, key("f2"), {}));
  EXPECT_EQ(ids(seen, before), (Texts{"f2"}));
}

TEST_F(ScopedStoreTest, AWriteNeedsTheRightBeforeAndAfter) {
  ScopedStore seen = final_only();
  EXPECT_TRUE(update(seen, observation("f1", "final", "pq"), {}));
  EXPECT_EQ(update(seen, observation("f1", "amended"), {}).error().kind, ErrorKind::kForbidden);
  EXPECT_EQ(update(seen, observation("a1", "final"), {}).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(update(seen, observation("new", "final"), {}).error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(create(seen, observation("new", "final")));
  EXPECT_EQ(create(seen, observation("new2", "amended")).error().kind, ErrorKind::kForbidden);
  EXPECT_EQ(remove(seen, key("a1"), {}).value(), 0u);
  EXPECT_EQ(remove(seen, key("none"), {}).value(), 0u);
  EXPECT_EQ(remove(seen, key("f2"), {}).value(), 2u);
  EXPECT_EQ(ids(*store_, now()), (Texts{"a1", "f1", "link f1", "new"}));
}

TEST_F(ScopedStoreTest, ATransactionIsDoneAsAWholeOrNotAtAll) {
  ScopedStore seen = final_only();
  const auto good = observation("f1", "final", "pq");
  const auto bad = observation("a1", "final");
  store::Transaction transaction;
  transaction.puts = {&good, &bad};
  EXPECT_EQ(seen.write(transaction).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(read(*store_, key("f1"))->version, 1u);
  // Removals keep their places among the outcomes.
  transaction.puts = {&good};
  transaction.removals = {key("a1"), key("f2"), key("none")};
  std::size_t told = 0;
  transaction.documents_of = [&](const store::WriteOutcome& outcome) {
    told = outcome.removals.size();
    return std::vector<store::DocumentWrite>();
  };
  const auto outcome = seen.write(transaction).value();
  ASSERT_EQ(outcome.removals.size(), 3u);
  EXPECT_EQ(outcome.removals[0].status, store::PutStatus::kAbsent);
  EXPECT_EQ(outcome.removals[1].status, store::PutStatus::kDeleted);
  EXPECT_EQ(outcome.removals[2].status, store::PutStatus::kAbsent);
  EXPECT_EQ(told, 3u);
  EXPECT_TRUE(store_->read(key("a1"), now()).value());
}

// What leaves the limits after it was found is found no more, though no change of it is shown.
TEST_F(ScopedStoreTest, AConditionSeesWhatHasLeftSince) {
  const ScopedStore seen = final_only();
  const auto query = search::Query::compile(observations(), "_id=f1,a1", {}).value();
  auto found = Matches::find(seen, query, 2).value();
  EXPECT_EQ(found.ids(), std::vector<std::string>{"f1"});
  put(observation("f1", "amended"));
  put(observation("a1", "final"));
  ASSERT_TRUE(found.catch_up());
  EXPECT_EQ(found.ids(), std::vector<std::string>{"a1"});
  ASSERT_TRUE(remove(*store_, key("a1"), {}));
  ASSERT_TRUE(found.catch_up());
  EXPECT_TRUE(found.ids().empty());
}

// What may be seen is no secret: that it may not be changed is said, and not passed over.
TEST_F(ScopedStoreTest, WhatIsSeenButNotCoveredIsRefused) {
  ScopedStore store = limited({.read = search::ResourceFilter(),
                               .update = only("status=final"),
                               .remove = only("status=final")});
  EXPECT_EQ(update(store, observation("a1", "final"), {}).error().kind, ErrorKind::kForbidden);
  EXPECT_EQ(remove(store, key("a1"), {}).error().kind, ErrorKind::kForbidden);
  EXPECT_TRUE(store_->read(key("a1"), now()).value());
}

TEST_F(ScopedStoreTest, EachRightIsItsOwn) {
  ScopedStore reader = limited({.read = search::ResourceFilter()});
  EXPECT_EQ(ids(reader, now()).size(), 3u);
  EXPECT_FALSE(update(reader, observation("f1", "amended"), {}));
  EXPECT_FALSE(create(reader, observation("new", "final")));
  EXPECT_EQ(remove(reader, key("f1"), {}).error().kind, ErrorKind::kForbidden);
  // Without limits an update may make a resource, as for everybody.
  ScopedStore writer = limited({.update = search::ResourceFilter()});
  EXPECT_TRUE(update(writer, observation("new", "final"), {}));
  EXPECT_TRUE(ids(writer, now()).empty());
}

// R-01: what passes over much and shows nothing ends with the request.
TEST_F(ScopedStoreTest, AScanOfWhatIsHiddenEndsInTime_R01) {
  std::vector<fhir::IncomingResource> hidden;
  for (int i = 0; i < 200; ++i) hidden.push_back(observation(fmt::format("h{}", i), "amended"));
  store::Transaction transaction;
  for (const auto& resource : hidden) transaction.puts.push_back(&resource);
  ASSERT_TRUE(store_->write(transaction));
  const RightsOf none = [](fhir::ResourceType) -> Result<Rights> {
    return Rights{.read = only("status=registered")};
  };
  const Bounds passed{.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1)};
  for (const auto& [bounds, kind] :
       {std::pair{Bounds(), std::optional<ErrorKind>()}, {passed, ErrorKind::kTimeout}}) {
    const ScopedStore store(*store_, clock_, none, bounds);
    const auto scan = store.scan(store::whole_type(observations()), now()).value();
    store::RecordView record;
    const auto more = scan->next(record);
    EXPECT_EQ(more ? std::nullopt : std::optional(more.error().kind), kind);
    const auto changes = store.changes({}, now()).value();
    store::Change change;
    auto next = changes->next(change);
    while (next && *next) next = changes->next(change);
    EXPECT_EQ(next ? std::nullopt : std::optional(next.error().kind), kind);
  }
}

// R-01: a comparison that turns out to take long needs a permission, and a short one none.
TEST_F(ScopedStoreTest, ALongComparisonAsksForPermission_R01) {
  std::string dates = R"("2020-01-01")";
  while (dates.size() < (1u << 20)) dates += R"(,"2020-01-02T00:00:00Z")";
  put(fhir::ResourceReader()
          .read(fmt::format(
              R"({{"resourceType":"Observation","id":"long","status":"final","code":{{"text":"x"}},)"
              R"("effectiveTiming":{{"event":[{}]}}}})",
              dates))
          .value());
  std::string query = "date=2021-01-01";
  for (int i = 2; i < 9; ++i) query += fmt::format(",2021-01-0{}", i);
  const auto filter = only(query);
  int asked = 0;
  const ScopedStore store(*store_, clock_,
                          [&](fhir::ResourceType) -> Result<Rights> {
                            return Rights{filter, filter, filter, filter};
                          },
                          {.permit = [&]() -> Result<void> {
                            ++asked;
                            return Error{ErrorKind::kUnavailable, "no slot is free"};
                          }});
  const auto as_of = store.last_commit().sequence;
  EXPECT_FALSE(store.read({observations(), "f1"}, as_of).value());
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(store.read({observations(), "long"}, as_of).error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(asked, 1);
}

// R-06: how long it takes tells nothing of what a short condition hides.
TEST_F(ScopedStoreTest, WhatCostsLittleDecidesFirst_R06) {
  std::string dates = R"("2020-01-01")";
  while (dates.size() < (1u << 20)) dates += R"(,"2020-01-02T00:00:00Z")";
  put(fhir::ResourceReader()
          .read(fmt::format(R"({{"resourceType":"Observation","id":"long","status":"preliminary",)"
                            R"("code":{{"text":"x"}},"effectiveTiming":{{"event":[{}]}}}})",
                            dates))
          .value());
  std::string query = "date=2021-01-01";
  for (int i = 2; i < 9; ++i) query += fmt::format(",2021-01-0{}", i);
  const auto filter = only(query + "&status=final");
  int asked = 0;
  const ScopedStore store(*store_, clock_,
                          [&](fhir::ResourceType) -> Result<Rights> {
                            return Rights{filter, filter, filter, filter};
                          },
                          {.permit = [&]() -> Result<void> {
                            ++asked;
                            return {};
                          }});
  EXPECT_FALSE(store.read({observations(), "long"}, store.last_commit().sequence).value());
  EXPECT_LE(asked, 1) << "the walk to the status";
}

}  // namespace
}  // namespace sluice::query
