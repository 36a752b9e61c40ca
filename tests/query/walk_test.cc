// The walk over matches (I-02, Q-01): each once, whatever way it goes; places to go on from.
#include "query/walk.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "querying.h"

namespace sluice::query {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

class WalkTest : public Querying {
 protected:
  void SetUp() override {
    put({patient("a", "female"), patient("b", "male"), patient("c", "male"),
         observation("1", "x", "Patient/a"), observation("2", "y", "Patient/a"),
         observation("3", "x", "Patient/b"), observation("4", "x", "Patient/b", "Patient/c"),
         observation("5", "x", "Patient/c", "Patient/a"), observation("6", "x", "Group/g"),
         observation("7", "x", "")});
  }

  /// The matches, going on from the last cursor after each `page`.
  Ids in_pages(std::string_view text, std::size_t page) {
    const auto resolved = query(text);
    const auto as_of = store_->last_commit().sequence;
    Ids ids;
    WalkCursor cursor;
    while (true) {
      Walk walk(*store_, resolved, as_of, {}, cursor);
      store::RecordView record;
      for (std::size_t i = 0; i < page; ++i) {
        if (!walk.next(record).value()) return ids;
        ids.emplace_back(record.id);
      }
      cursor = walk.cursor();
    }
  }
};

TEST_F(WalkTest, EveryMatchIsMetOnce_Q01) {
  EXPECT_THAT(found("Observation?code=x"), UnorderedElementsAre("1", "3", "4", "5", "6", "7"));
  EXPECT_THAT(found("Observation?"), testing::SizeIs(7));
  EXPECT_THAT(found("Observation?code=z"), ElementsAre());
  EXPECT_THAT(found("Encounter?"), ElementsAre());
}

TEST_F(WalkTest, IdsAreReadOneByOne) {
  EXPECT_THAT(found("Observation?_id=7,2,nosuch,2,no such id"), ElementsAre("2", "7"));
  EXPECT_THAT(found("Observation?_id=7,2&code=y"), ElementsAre("2"));
  EXPECT_THAT(found("Observation?_id=nosuch"), ElementsAre());
}

TEST_F(WalkTest, DevicesAreReadByTheirPatients_G05) {
  put({R"({"resourceType":"Device","id":"d","patient":{"reference":"Patient/a"}})",
       R"({"resourceType":"Device","id":"e","patient":{"reference":"Patient/b"}})",
       R"({"resourceType":"Device","id":"f"})"});
  ASSERT_TRUE(query("Device?patient=Patient/a").patients());
  EXPECT_THAT(found("Device?patient=Patient/a"), ElementsAre("d"));
  EXPECT_THAT(found("Device?patient:missing=true"), ElementsAre("f"));
}

// Groups stand in nobody's compartment, however their members are named.
TEST_F(WalkTest, GroupsAreFoundByTheirMembers) {
  put({R"({"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}}]})",
       R"({"resourceType":"Group","id":"h","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/b"}}]})"});
  for (const std::string_view text :
       {"Group?member=a", "Group?member=Patient/a", "Group?member:Patient=a",
        "Group?member=Patient/a,Patient/nosuch"})
    EXPECT_THAT(found(text), ElementsAre("g")) << text;
}

TEST_F(WalkTest, PatientsAreReadByTheirCompartments) {
  ASSERT_TRUE(query("Observation?subject=Patient/a").patients());
  EXPECT_THAT(found("Observation?subject=Patient/a"), ElementsAre("1", "2"));
  EXPECT_THAT(found("Observation?subject=Patient/nosuch"), ElementsAre());
  // 4 and 5 stand in two of the compartments, one as a link.
  EXPECT_THAT(found("Observation?performer=Patient/a,Patient/c"), UnorderedElementsAre("4", "5"));
  EXPECT_THAT(found("Observation?subject=Patient/c,Patient/b,Patient/a"),
              UnorderedElementsAre("1", "2", "3", "4", "5"));
}

TEST_F(WalkTest, PagesTogetherAreTheWhole) {
  for (const std::string_view text :
       {"Observation?code=x", "Observation?", "Observation?subject=Patient/a,Patient/b,Patient/c",
        "Observation?performer=Patient/a,Patient/c", "Observation?_id=1,2,3,4,5,6,7&code=x",
        "Patient?gender=male"}) {
    const Ids whole = in_pages(text, 1000);
    EXPECT_FALSE(whole.empty());
    for (const std::size_t page : {1u, 2u, 3u}) EXPECT_EQ(in_pages(text, page), whole) << text;
  }
}

TEST_F(WalkTest, ARecordHasWhatALinkHasNot) {
  Walk walk(*store_, query("Observation?performer=Patient/a"), store_->last_commit().sequence);
  store::RecordView record;
  ASSERT_TRUE(walk.next(record).value());
  EXPECT_EQ(record.id, "5");
  EXPECT_FALSE(record.is_link);
  EXPECT_NE(record.json.find(R"("id":"5")"), std::string_view::npos);
  EXPECT_EQ(record.version, 1u);
  EXPECT_EQ(record.sequence, store_->last_commit().sequence);
  EXPECT_FALSE(walk.next(record).value());
}

TEST_F(WalkTest, ItSeesTheSnapshotOnly) {
  const auto before = store_->last_commit();
  put({observation("8", "x", "Patient/a"), observation("1", "z", "Patient/a"),
       observation("3", "x", "Patient/c")});
  remove("Observation", "7");
  EXPECT_THAT(found("Observation?code=x", before),
              UnorderedElementsAre("1", "3", "4", "5", "6", "7"));
  EXPECT_THAT(found("Observation?code=x"), UnorderedElementsAre("3", "4", "5", "6", "8"));
  EXPECT_THAT(found("Observation?subject=Patient/b", before), ElementsAre("3", "4"));
  EXPECT_THAT(found("Observation?subject=Patient/b"), ElementsAre("4"));
  EXPECT_THAT(found("Observation?_id=7", before), ElementsAre("7"));
  EXPECT_THAT(found("Observation?_id=7"), ElementsAre());
}

TEST_F(WalkTest, BoundsEndItAndItCanGoOn) {
  std::vector<std::string> many;
  for (int i = 0; i < 500; ++i)
    many.push_back(observation("m" + std::to_string(i), "none", "Patient/a"));
  put(many);
  const auto as_of = store_->last_commit().sequence;
  std::stop_source stop;
  stop.request_stop();
  const auto all = query("Observation?code=nosuch");
  store::RecordView record;
  EXPECT_EQ(Walk(*store_, all, as_of, {.stop = stop.get_token()}).next(record).error().kind,
            ErrorKind::kCancelled);

  const auto passed = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  WalkCursor cursor;
  std::size_t rounds = 0;
  for (; rounds < 1000; ++rounds) {
    Walk walk(*store_, all, as_of, {.deadline = passed}, cursor);
    const auto more = walk.next(record);
    if (more) break;
    ASSERT_EQ(more.error().kind, ErrorKind::kTimeout);
    ASSERT_NE(walk.cursor(), cursor) << "it must get on";
    cursor = walk.cursor();
  }
  EXPECT_GT(rounds, 1u);
  EXPECT_LT(rounds, 1000u);
}

// R-01: one resource can take longer than the whole search may.
TEST_F(WalkTest, BoundsEndTheComparisonOfOneResource_R01) {
  const auto hostile = [](const std::string& id) {
    return fmt::format(R"({{"resourceType":"Practitioner","id":"{}","name":[{{"family":"{}"}}]}})",
                       id, std::string(2u << 20, 'a'));
  };
  put({R"({"resourceType":"Practitioner","id":"a","name":[{"family":"n1"}]})", hostile("b")});
  const auto as_of = store_->last_commit().sequence;
  const auto slow = query("Practitioner?name:contains=n1,n2,n3,n4,n5,n6");
  store::RecordView record;
  std::stop_source stop;
  stop.request_stop();
  for (const Bounds& bounds :
       {Bounds{.stop = stop.get_token()},
        Bounds{.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1)}}) {
    Walk walk(*store_, slow, as_of, bounds);
    ASSERT_TRUE(walk.next(record).value());
    EXPECT_EQ(record.id, "a");
    const WalkCursor behind_first = walk.cursor();
    EXPECT_EQ(walk.next(record).error().kind,
              bounds.deadline ? ErrorKind::kTimeout : ErrorKind::kCancelled);
    EXPECT_EQ(walk.cursor(), behind_first) << "what was not compared to its end is not left out";
  }
}

}  // namespace
}  // namespace sluice::query
