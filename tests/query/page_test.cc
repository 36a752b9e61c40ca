// Pages of matches (I-02): each order, each size, together the whole; the memory and the time that
// a page may take.
#include "query/page.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "querying.h"
#include "test_clocks.h"

namespace sluice::query {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using By = SortKey::By;

class PageTest : public Querying {
 protected:
  void SetUp() override {
    // Written in another order than that of the ids, some together.
    put({patient("c", "male"), patient("e", "male")});
    put({patient("a", "male")});
    put({patient("d", "male"), patient("b", "female")});
  }

  /// The ids of all pages, "|" behind each page.
  std::string pages(std::string_view text, const Order& order, std::size_t count,
                    std::size_t bytes_max = 1 << 20) {
    const auto as_of = store_->last_commit();
    const auto resolved = query(text, as_of);
    std::string all;
    PageRequest request{.as_of = as_of.sequence,
                        .order = order,
                        .count = count,
                        .after = std::nullopt,
                        .bytes_max = bytes_max};
    for (int i = 0; i < 100; ++i) {
      const auto page = read_page(*store_, resolved, request, {}).value();
      for (const auto& match : page.matches) all += match.key.id;
      all += '|';
      if (!page.next) return all;
      EXPECT_EQ(page.next->walk.id, page.matches.back().key.id);
      request.after = page.next;
    }
    return "no end";
  }
};

TEST_F(PageTest, EachOrderHasEachMatchOnce) {
  EXPECT_EQ(pages("Patient?", {{By::kId}}, 2), "ab|cd|e|");
  EXPECT_EQ(pages("Patient?", {{By::kId, true}}, 2), "ed|cb|a|");
  EXPECT_EQ(pages("Patient?", {{By::kLastUpdated}}, 2), "ce|ab|d|");
  EXPECT_EQ(pages("Patient?", {{By::kLastUpdated, true}}, 2), "bd|ac|e|");
  EXPECT_EQ(pages("Patient?", {{By::kLastUpdated, true}, {By::kId, true}}, 1), "d|b|a|e|c|");
  EXPECT_EQ(pages("Patient?gender=male", {{By::kLastUpdated}}, 3), "cea|d|");
  EXPECT_EQ(pages("Patient?", {}, 2), "ab|cd|e|") << "the order of patients' compartments";
  EXPECT_EQ(pages("Patient?_id=e,a,nosuch,c", {}, 1), "a|c|e|");
  for (const Order& order : {Order{}, Order{{By::kId}}}) {
    EXPECT_EQ(pages("Patient?gender=other", order, 2), "|");
    EXPECT_EQ(pages("Patient?", order, 5), "abcde|");
    EXPECT_EQ(pages("Patient?", order, 1000), "abcde|");
  }
}

// Commits of one millisecond have one lastUpdated: the next key decides, and after the keys the
// order of commits.
TEST_F(PageTest, EqualInstantsAreEqualForASort) {
  const TestClock clock;
  store_.reset();
  store_ = store::open_rocksdb_store(folder_ / "standing", clock).value();
  for (const char* id : {"b", "d", "a", "c"}) put({patient(id, "male")});
  for (const std::size_t count : {1, 3, 10}) {
    const auto ids = [&](const Order& order) {
      std::string all = pages("Patient?", order, count);
      std::erase(all, '|');
      return all;
    };
    EXPECT_EQ(ids({{By::kLastUpdated}, {By::kId}}), "abcd");
    EXPECT_EQ(ids({{By::kLastUpdated, true}, {By::kId}}), "abcd");
    EXPECT_EQ(ids({{By::kLastUpdated}, {By::kId, true}}), "dcba");
    EXPECT_EQ(ids({{By::kLastUpdated}}), "bdac");
    EXPECT_EQ(ids({{By::kLastUpdated, true}}), "cadb");
  }
}

TEST_F(PageTest, APageHasRoomForOneMatchAtLeast) {
  for (const Order& order : {Order{}, Order{{By::kId}}}) {
    EXPECT_EQ(pages("Patient?", order, 10, 1), "a|b|c|d|e|");
    EXPECT_EQ(pages("Patient?", order, 10, 300), "ab|cd|e|");
  }
}

TEST_F(PageTest, ATotalIsGivenWhenItCostsNothing) {
  const auto as_of = store_->last_commit();
  const auto total_of = [&](const Order& order, std::size_t count) {
    return read_page(*store_, query("Patient?gender=male", as_of),
                     {.as_of = as_of.sequence,
                      .order = order,
                      .count = count,
                      .after = std::nullopt,
                      .bytes_max = 1 << 20},
                     {})
        .value()
        .total;
  };
  EXPECT_EQ(total_of({}, 10), 4u);
  EXPECT_EQ(total_of({}, 2), std::nullopt);
  EXPECT_EQ(total_of({{By::kId}}, 2), 4u);
}

TEST_F(PageTest, ResourcesOfSeveralPatientsArePagedByTheOnesAskedFor) {
  put({observation("1", "x", "Patient/a", "Patient/c"), observation("2", "x", "Patient/b"),
       observation("3", "x", "Patient/c", "Patient/a"), observation("4", "x", "Patient/a")});
  for (const std::string_view text : {"Observation?subject=Patient/a,Patient/b,Patient/c",
                                      "Observation?performer=Patient/a,Patient/c"}) {
    std::string whole = pages(text, {}, 100);
    std::string one_by_one = pages(text, {}, 1);
    std::erase(whole, '|');
    std::erase(one_by_one, '|');
    EXPECT_EQ(one_by_one, whole) << text;
    EXPECT_FALSE(whole.empty());
  }
}

TEST_F(PageTest, WhenTimeIsOverAWalkGivesWhatItHasAndASortIsAnError) {
  std::vector<std::string> many;
  for (int i = 0; i < 1000; ++i)
    many.push_back(observation("m" + std::to_string(i), i % 300 == 0 ? "x" : "y", "Patient/a"));
  const auto as_of = put(many);
  const auto resolved = query("Observation?code=x", as_of);
  const Bounds passed{.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1)};
  PageRequest request{.as_of = as_of.sequence,
                      .order = {},
                      .count = 100,
                      .after = std::nullopt,
                      .bytes_max = 1 << 20};
  std::size_t found = 0;
  std::size_t rounds = 0;
  for (; rounds < 100; ++rounds) {
    const auto page = read_page(*store_, resolved, request, passed).value();
    found += page.matches.size();
    if (!page.next) break;
    request.after = page.next;
  }
  EXPECT_EQ(found, 4u);
  EXPECT_GT(rounds, 2u);
  EXPECT_LT(rounds, 100u);
  request.order = {{By::kId}};
  request.after = std::nullopt;
  EXPECT_EQ(read_page(*store_, resolved, request, passed).error().kind, ErrorKind::kTimeout);
}

}  // namespace
}  // namespace sluice::query
