// G-01, G-02: members come and go by $add and $remove, one transaction each.
#include "rest/member_changes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "fhir/resource_reader.h"
#include "query/scoped_store.h"
#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"
#include "ticking_clock.h"

namespace sluice::rest {
namespace {

using Kind = Condition::Kind;

std::string group(const std::vector<std::string>& patients) {
  std::string members;
  for (const auto& patient : patients)
    members += fmt::format(R"({}{{"entity":{{"reference":"Patient/{}"}}}})",
                           members.empty() ? "" : ",", patient);
  return fmt::format(
      R"({{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{}]}})",
      members);
}

class MemberChangesTest : public testing::Test {
 protected:
  Result<MembersChanged> change(MemberOperation operation, const std::vector<std::string>& patients,
                                const Condition& condition = {}) {
    return changes_.apply(*store_, "g", operation,
                          fhir::read_member_entries(group(patients), {}).value(), condition, {});
  }
  void put(const std::vector<std::string>& patients) {
    ASSERT_TRUE(update(*store_, fhir::ResourceReader().read(group(patients)).value(), {}));
  }
  /// What the store remembers: the member and when it joined.
  std::map<std::string, Instant> members() {
    std::map<std::string, Instant> found;
    const auto last = store_->last_commit();
    const auto scan = store_->members("g", fhir::types::kPatient, last.sequence).value();
    store::Member member;
    while (scan->next(member).value())
      found[std::string(member.id)] = member.member_since(last.instant).value();
    return found;
  }

  TemporaryFolder folder_;
  TickingClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_rocksdb_store(folder_.path(), clock_).value();
  MemberChanges changes_;
};

TEST_F(MemberChangesTest, EachIsAVersionAndRememberedWithItsInstant) {
  put({"a"});
  const auto first = members();
  const auto added = change(MemberOperation::kAdd, {"a", "b", "c"});
  ASSERT_TRUE(added);
  EXPECT_EQ(added->added, 2u);
  EXPECT_EQ(added->stored.version, 2u);
  const auto both = members();
  EXPECT_EQ(both.size(), 3u);
  EXPECT_EQ(both.at("a"), first.at("a"));
  EXPECT_EQ(both.at("b"), store_->last_commit().instant);
  const auto removed = change(MemberOperation::kRemove, {"a", "x"});
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->removed, 1u);
  EXPECT_EQ(removed->absent, 1u);
  EXPECT_EQ(removed->stored.version, 3u);
  EXPECT_EQ(members().count("a"), 0u);
  ASSERT_TRUE(change(MemberOperation::kAdd, {"a"}));
  EXPECT_GT(members().at("a"), both.at("b"));
}

TEST_F(MemberChangesTest, WhatIsAsWantedMakesNoVersion) {
  put({"a"});
  const auto before = store_->last_commit().sequence;
  EXPECT_EQ(change(MemberOperation::kAdd, {"a"})->stored.version, 1u);
  EXPECT_EQ(change(MemberOperation::kRemove, {"b"})->stored.version, 1u);
  EXPECT_EQ(store_->last_commit().sequence, before);
}

TEST_F(MemberChangesTest, ConditionsHoldOrNothingIsDone) {
  EXPECT_EQ(change(MemberOperation::kAdd, {"a"}).error().kind, ErrorKind::kNotFound);
  put({"a"});
  EXPECT_TRUE(change(MemberOperation::kAdd, {"b"}, {Kind::kVersion, 1}));
  EXPECT_EQ(change(MemberOperation::kAdd, {"c"}, {Kind::kVersion, 1}).error().kind,
            ErrorKind::kPreconditionFailed);
  EXPECT_EQ(change(MemberOperation::kAdd, {"c"}, {Kind::kAbsent}).error().kind,
            ErrorKind::kUnsupported);
  EXPECT_TRUE(change(MemberOperation::kAdd, {"d"}, {Kind::kPresent}));
  EXPECT_EQ(members().size(), 3u);
  ASSERT_TRUE(remove(*store_, {fhir::types::kGroup, "g"}, {}));
  EXPECT_EQ(change(MemberOperation::kRemove, {"a"}).error().kind, ErrorKind::kGone);
}

TEST_F(MemberChangesTest, NoChangeIsLostAmongManyWriters) {
  put({"a"});
  constexpr int kThreads = 4;
  constexpr int kEach = 20;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i)
        EXPECT_TRUE(change(MemberOperation::kAdd, {fmt::format("p-{}-{}", t, i)}));
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(members().size(), 1u + kThreads * kEach);
  EXPECT_EQ(read(*store_, {fhir::types::kGroup, "g"})->version, 1u + kThreads * kEach);
}

// R-01, R-02: whatever store a client's scopes make of it, one large Group is in memory at a time,
// and who comes meanwhile is told so instead of holding a thread.
TEST_F(MemberChangesTest, OfLargeGroupsOneIsChangedAtATimeAndNobodyWaits_R01_R02) {
  MemberChanges all_large(1);
  put({"a"});
  ASSERT_TRUE(
      update(*store_,
             fhir::ResourceReader()
                 .read(R"({"resourceType":"Group","id":"other","type":"person","actual":true})")
                 .value(),
             {}));
  const auto one = fhir::read_member_entries(group({"b"}), {}).value();
  const query::RightsOf everything = [](fhir::ResourceType) -> Result<query::Rights> {
    return query::Rights{search::ResourceFilter(), search::ResourceFilter(),
                         search::ResourceFilter(), search::ResourceFilter()};
  };
  query::ScopedStore limited(*store_, clock_, everything);
  int asked = 0;
  const auto changed = all_large.apply(
      *store_, "g", MemberOperation::kAdd, one, {}, {}, [&](const auto&) -> Result<void> {
        ++asked;
        for (const char* const id : {"g", "other"}) {
          const auto second = all_large.apply(limited, id, MemberOperation::kAdd, one, {}, {});
          EXPECT_EQ(second.error().kind, ErrorKind::kUnavailable) << id;
          EXPECT_EQ(second.error().retry_after, std::chrono::seconds(1)) << id;
        }
        return {};
      });
  ASSERT_TRUE(changed);
  EXPECT_EQ(asked, 1);
  // It is over, also after a refusal.
  EXPECT_EQ(all_large
                .apply(*store_, "other", MemberOperation::kAdd, one, {}, {},
                       [](const auto&) -> Result<void> { return invalid("no"); })
                .error()
                .kind,
            ErrorKind::kInvalid);
  EXPECT_TRUE(all_large.apply(limited, "other", MemberOperation::kAdd, one, {}, {}));
}

}  // namespace
}  // namespace sluice::rest
