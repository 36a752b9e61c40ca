// Finding by query as of a commit (Q-01, Q-05), for one query and for several at once.
#include <gmock/gmock.h>

#include "querying.h"

namespace sluice::query {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class FindTest : public Querying {
 protected:
  void SetUp() override {
    put({patient("a", "female"), patient("b", "male"), observation("1", "x", "Patient/a"),
         observation("2", "y", "Patient/a"), observation("3", "x", "Patient/b"),
         observation("4", "x", "Patient/b", "Patient/a")});
  }
};

TEST_F(FindTest, AtMostTheLimitIsFound) {
  const auto as_of = store_->last_commit().sequence;
  const auto all = find(*store_, query("Observation?code=x"), as_of, 10).value();
  ASSERT_THAT(all, SizeIs(3));
  EXPECT_NE(all[0].json.find(R"("resourceType":"Observation")"), std::string::npos);
  EXPECT_EQ(all[0].version, 1u);
  EXPECT_THAT(find(*store_, query("Observation?code=x"), as_of, 2).value(), SizeIs(2));
  EXPECT_THAT(find(*store_, query("Observation?code=x"), as_of, 0).value(), SizeIs(0));
  EXPECT_EQ(count(*store_, query("Observation?code=x"), as_of).value(), 3u);
  EXPECT_EQ(count(*store_, query("Observation?code=nosuch"), as_of).value(), 0u);
}

TEST_F(FindTest, ChainsAndHasAreResolvedAsOfTheCommit_Q05) {
  const auto before = store_->last_commit();
  put({patient("a", "male")});
  remove("Observation", "2");
  EXPECT_THAT(found("Observation?patient.gender=male", before), UnorderedElementsAre("3", "4"));
  EXPECT_THAT(found("Observation?patient.gender=male"), UnorderedElementsAre("1", "3", "4"));
  EXPECT_THAT(found("Patient?_has:Observation:patient:code=y", before), ElementsAre("a"));
  EXPECT_THAT(found("Patient?_has:Observation:patient:code=y"), ElementsAre());
}

TEST_F(FindTest, SeveralQueriesAreAnsweredAlike) {
  const auto as_of = store_->last_commit().sequence;
  const std::vector<search::Query> queries = {
      query("Observation?code=x"), query("Observation?code=y"), query("Observation?_id=1,3,9"),
      query("Observation?subject=Patient/b"), query("Observation?code=nosuch")};
  for (const std::size_t limit : {0u, 1u, 2u, 10u}) {
    const auto each = find_ids_of_each(*store_, queries, as_of, limit).value();
    ASSERT_THAT(each, SizeIs(queries.size()));
    for (std::size_t i = 0; i < queries.size(); ++i)
      EXPECT_EQ(each[i], find_ids(*store_, queries[i], as_of, limit).value()) << i << " " << limit;
  }
  EXPECT_THAT(find_ids_of_each(*store_, {}, as_of, 2).value(), SizeIs(0));
}

TEST_F(FindTest, WhatIsNotUnderstoodIsNamed) {
  const auto refused =
      prepare(*store_, fhir::types::kPatient, {{"nosuch", "1"}}, "", store_->last_commit());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("nosuch"), std::string::npos);
}

TEST_F(FindTest, AboutNowIsTheCommitsInstant) {
  // "ap" opens a tenth of the distance from now on both sides, so a far instant moves it.
  const store::Commit in_2100{store_->last_commit().sequence, Instant{4102444800000}};
  const search::Parameters about = {{"_lastUpdated", "ap2030-01-01"}};
  const auto then = prepare(*store_, fhir::types::kPatient, about, "", in_2100).value();
  EXPECT_EQ(count(*store_, then, in_2100.sequence).value(), 2u);
  const store::Commit in_2030{store_->last_commit().sequence, Instant{1893456000000}};
  const auto now = prepare(*store_, fhir::types::kPatient, about, "", in_2030).value();
  EXPECT_EQ(count(*store_, now, in_2030.sequence).value(), 0u);
}

// R-01: the clock is asked for every 64th small resource, but after each large one.
TEST(BoundsCheckTest, LooksAfterEachLargeResource_R01) {
  BoundsCheck check({.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1)});
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(check.step());
    check.note_size(1'000);
  }
  check.note_size(64u << 10);
  EXPECT_EQ(check.step().error().kind, ErrorKind::kTimeout);
  EXPECT_TRUE(check.step());
}

// R-01: many short searches end as one long one does, although each looks at a few resources only.
TEST_F(FindTest, ManyShortSearchesEndInTime_R01) {
  const Bounds passed{.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1)};
  const std::vector<search::Query> queries = {query("Observation?_id=1"),
                                              query("Observation?subject=Patient/b")};
  EXPECT_EQ(
      find_ids_of_each(*store_, queries, store_->last_commit().sequence, 2, passed).error().kind,
      ErrorKind::kTimeout);
}

}  // namespace
}  // namespace sluice::query
