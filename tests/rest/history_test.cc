// I-02: history by pages: one resource, types, everything; ranges; what is not kept.
#include "rest/history.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "forwarding_store.h"
#include "rest/interactions.h"
#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"
#include "ticking_clock.h"

namespace sluice::rest {
namespace {

using Lines = std::vector<std::string>;

class History : public testing::Test {
 protected:
  void put(const std::string& type, const std::string& id, int number) {
    const auto resource = fhir::ResourceReader().read(fmt::format(
        R"({{"resourceType":"{}","id":"{}","code":{{"text":"{}"}}}})", type, id, number));
    ASSERT_TRUE(update(*store_, resource.value(), {}));
  }
  void remove_basic(const std::string& id) { ASSERT_TRUE(remove(*store_, {basic_, id}, {})); }

  HistoryRange all() const { return {.up_to = store_->last_commit().sequence}; }

  /// "Type/id@version", '+' for created, '-' for deleted; every page of it, "|" between them.
  template <class Read>
  static Lines pages(HistoryRange range, Read read) {
    Lines lines;
    for (int i = 0; i < 1000; ++i) {
      const HistoryPage page = read(range).value();
      for (const auto& [key, version] : page.entries)
        lines.push_back(fmt::format("{}/{}@{}{}", fhir::type_name(key.type), key.id,
                                    version.version,
                                    version.deleted   ? "-"
                                    : version.created ? "+"
                                                      : ""));
      if (!page.next) return lines;
      range.before = page.next;
      lines.push_back("|");
    }
    ADD_FAILURE() << "the pages have no end";
    return lines;
  }
  Lines of_basic(const std::string& id, const HistoryRange& range, std::size_t count = 100) {
    return pages(range, [&](const HistoryRange& r) {
      return history_of(*store_, {basic_, id}, r, {.count = count});
    });
  }
  Lines of_types(const std::vector<fhir::ResourceType>* types, const HistoryRange& range,
                 const HistoryLimits& limits = {}) {
    return pages(
        range, [&](const HistoryRange& r) { return history_of_types(*store_, types, r, limits); });
  }

  TemporaryFolder folder_;
  TickingClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_rocksdb_store(folder_.path(), clock_).value();
  const fhir::ResourceType basic_ = *fhir::find_resource_type("Basic");
  const std::vector<fhir::ResourceType> basics_{basic_};
};

TEST_F(History, OfOneResourceHasEveryVersionAndDeletion) {
  EXPECT_EQ(history_of(*store_, {basic_, "a"}, all(), {}).error().kind, ErrorKind::kNotFound);
  put("Basic", "a", 1);
  put("Basic", "b", 1);
  put("Basic", "a", 2);
  remove_basic("a");
  put("Basic", "a", 4);
  const Lines expected{"Basic/a@4+", "Basic/a@3-", "Basic/a@2", "Basic/a@1+"};
  EXPECT_EQ(of_basic("a", all()), expected);
  EXPECT_EQ(of_basic("a", all(), 1),
            (Lines{"Basic/a@4+", "|", "Basic/a@3-", "|", "Basic/a@2", "|", "Basic/a@1+"}));
  const auto page = history_of(*store_, {basic_, "a"}, all(), {}).value();
  EXPECT_EQ(page.entries[0].version.json, read(*store_, {basic_, "a"})->json);
  EXPECT_TRUE(page.entries[1].version.json.empty());
}

TEST_F(History, OfTypesFollowsTheLog) {
  put("Basic", "a", 1);
  put("Condition", "c", 1);
  put("Basic", "b", 1);
  remove_basic("a");
  put("Condition", "c", 2);
  put("Basic", "a", 3);
  const Lines everything{"Basic/a@3+", "Condition/c@2",  "Basic/a@2-",
                         "Basic/b@1+", "Condition/c@1+", "Basic/a@1+"};
  EXPECT_EQ(of_types(nullptr, all()), everything);
  EXPECT_EQ(of_types(&basics_, all()),
            (Lines{"Basic/a@3+", "Basic/a@2-", "Basic/b@1+", "Basic/a@1+"}));
  EXPECT_EQ(of_types(&basics_, all(), {.count = 3}),
            (Lines{"Basic/a@3+", "Basic/a@2-", "Basic/b@1+", "|", "Basic/a@1+"}));
  EXPECT_EQ(of_types(&basics_, all(), {.bytes = 1}),
            (Lines{"Basic/a@3+", "|", "Basic/a@2-", "Basic/b@1+", "|", "Basic/a@1+"}));
}

TEST_F(History, PagesEndEarlyRatherThanLookForEver) {
  put("Condition", "first", 1);
  for (int i = 0; i < 40; ++i) put("Basic", std::to_string(i), i);
  const std::vector<fhir::ResourceType> conditions{*fhir::find_resource_type("Condition")};
  EXPECT_EQ(of_types(&conditions, all(), {.looks = 10}),
            (Lines{"|", "|", "|", "|", "Condition/first@1+", "|"}));
}

TEST_F(History, LaterWritesDoNotMoveThePages) {
  for (int i = 0; i < 5; ++i) put("Basic", "a", i);
  const auto first = history_of_types(*store_, nullptr, all(), {.count = 2}).value();
  const auto first_of_one = history_of(*store_, {basic_, "a"}, all(), {.count = 2}).value();
  put("Basic", "a", 77);
  put("Basic", "b", 1);
  auto range = all();
  range.before = first.next;
  EXPECT_EQ(of_types(nullptr, range), (Lines{"Basic/a@3", "Basic/a@2", "Basic/a@1+"}));
  range.before = first_of_one.next;
  EXPECT_EQ(of_basic("a", range), (Lines{"Basic/a@3", "Basic/a@2", "Basic/a@1+"}));
}

TEST_F(History, RangesSayFromWhenAndWhatWasCurrent) {
  put("Basic", "a", 1);  // 1
  put("Basic", "b", 1);  // 2
  put("Basic", "a", 2);  // 3
  remove_basic("b");     // 4
  put("Basic", "c", 1);  // 5
  put("Basic", "a", 3);  // 6
  const store::Sequence last = store_->last_commit().sequence;
  const store::Sequence start{last.value - 6};
  const auto at = [&](std::uint64_t n) { return store::Sequence{start.value + n}; };
  EXPECT_EQ(of_types(nullptr, {.after = at(3), .up_to = at(5)}),
            (Lines{"Basic/c@1+", "Basic/b@2-"}));
  EXPECT_EQ(of_basic("a", {.after = at(1), .up_to = at(5)}), Lines{"Basic/a@2"});
  EXPECT_EQ(of_types(nullptr, {.up_to = at(2), .current_at = at(2)}),
            (Lines{"Basic/b@1+", "Basic/a@1+"}));
  EXPECT_EQ(of_types(nullptr, {.up_to = at(5), .current_at = at(4)}),
            (Lines{"Basic/c@1+", "Basic/a@2"}));
  EXPECT_EQ(of_basic("a", {.up_to = at(3), .current_at = at(1)}),
            (Lines{"Basic/a@2", "Basic/a@1+"}));
  EXPECT_EQ(of_basic("b", {.up_to = at(5), .current_at = at(5)}), Lines{});
  EXPECT_EQ(of_basic("b", {.up_to = at(5), .current_at = at(3)}),
            (Lines{"Basic/b@2-", "Basic/b@1+"}));
}

TEST_F(History, WhatIsNotKeptIsNotThere) {
  put("Basic", "a", 1);
  put("Basic", "b", 1);
  put("Basic", "a", 2);
  remove_basic("b");
  put("Basic", "b", 3);
  store_->set_history_horizon(store_->last_commit().sequence);
  for (const bool compacted : {false, true}) {
    if (compacted) {
      ASSERT_TRUE(store_->compact());
    }
    // Whether b was deleted before is not known any more, so it is not called created.
    EXPECT_EQ(of_types(nullptr, all()), (Lines{"Basic/b@3", "Basic/a@2"}));
    EXPECT_EQ(of_basic("a", all()), Lines{"Basic/a@2"});
  }
}

// R-01: a page that passes over much ends in time, with the place to go on from; the pages together
// are the whole all the same.
TEST_F(History, PagesEndInTimeAndGoOn_R01) {
  put("Basic", "first", 1);
  for (int i = 0; i < 200; ++i) put("Patient", fmt::format("p{}", i), 1);
  put("Basic", "last", 1);
  const HistoryLimits late{
      .bounds = {.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1)}};
  const Lines lines = of_types(&basics_, all(), late);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "|"), 3);
  Lines versions = lines;
  std::erase(versions, "|");
  EXPECT_EQ(versions, (Lines{"Basic/last@1+", "Basic/first@1+"}));
  EXPECT_EQ(history_of(*store_, {basic_, "first"}, all(), late).error().kind, ErrorKind::kTimeout);
}

// A version can take long to look at: for whom a scope's query limits, it is compared.
TEST_F(History, PagesEndInTimeWhileAVersionIsLookedAt_R02) {
  class SlowStore final : public store::ForwardingStore {
   public:
    using ForwardingStore::ForwardingStore;
    Result<std::optional<store::Version>> version_of(const store::Change& change) const override {
      if (++looks_ % 3 == 0) return Error{ErrorKind::kTimeout, "the search takes too long"};
      return ForwardingStore::version_of(change);
    }

   private:
    mutable int looks_ = 0;
  };
  for (int i = 0; i < 5; ++i) put("Basic", fmt::format("b{}", i), 1);
  const SlowStore slow(*store_);
  EXPECT_EQ(
      pages(all(), [&](const HistoryRange& r) { return history_of_types(slow, &basics_, r, {}); }),
      (Lines{"Basic/b4@1+", "Basic/b3@1+", "|", "Basic/b2@1+", "Basic/b1@1+", "|", "Basic/b0@1+"}));
}

}  // namespace
}  // namespace sluice::rest
