// I-02, I-04: the interactions on one resource: versions, conditions, deletions, and many writers
// at once.
#include "rest/interactions.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"

namespace sluice::rest {
namespace {

using Kind = Condition::Kind;

fhir::ResourceId key_of(std::string id) {
  return {*fhir::find_resource_type("Observation"), std::move(id)};
}

fhir::IncomingResource observation(const std::string& id, const std::string& text,
                                   const std::string& patient = "p") {
  return fhir::ResourceReader()
      .read(fmt::format(
          R"({{"resourceType":"Observation","id":"{}","status":"final","code":{{"text":"{}"}},"subject":{{"reference":"Patient/{}"}}}})",
          id, text, patient))
      .value();
}

template <class Value>
ErrorKind kind_of(const Result<Value>& result) {
  EXPECT_FALSE(result);
  return result ? ErrorKind::kInternal : result.error().kind;
}

class Interactions : public testing::Test {
 protected:
  bool holds(const Result<Stored>& stored, std::uint32_t version, const std::string& text) {
    return stored && stored->version == version &&
           stored->json.find("\"text\":\"" + text + "\"") != std::string::npos &&
           stored->json.find(fmt::format("\"versionId\":\"{}\"", version)) != std::string::npos;
  }

  TemporaryFolder folder_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_rocksdb_store(folder_.path(), clock_).value();
};

TEST_F(Interactions, EveryVersionIsThereAndDeletionsAreToldApart) {
  const auto key = key_of("o");
  EXPECT_EQ(kind_of(read(*store_, key)), ErrorKind::kNotFound);
  const auto created = update(*store_, observation("o", "one"), {});
  ASSERT_TRUE(created);
  EXPECT_TRUE(created->created);
  EXPECT_TRUE(holds(created->stored, 1, "one"));
  // Another patient's now: the history goes over both.
  const auto updated = update(*store_, observation("o", "two", "q"), {});
  ASSERT_TRUE(updated);
  EXPECT_FALSE(updated->created);
  EXPECT_EQ(read(*store_, key).value().json, updated->stored.json);
  EXPECT_EQ(remove(*store_, key, {}).value(), 3u);
  EXPECT_EQ(kind_of(read(*store_, key)), ErrorKind::kGone);
  EXPECT_EQ(remove(*store_, key, {}).value(), 0u);
  const auto again = update(*store_, observation("o", "four"), {});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->created);
  EXPECT_TRUE(holds(read(*store_, key), 4, "four"));
  EXPECT_TRUE(holds(read_version(*store_, key, 1), 1, "one"));
  EXPECT_TRUE(holds(read_version(*store_, key, 2), 2, "two"));
  EXPECT_EQ(read_version(*store_, key, 2)->last_updated, updated->stored.last_updated);
  EXPECT_EQ(kind_of(read_version(*store_, key, 3)), ErrorKind::kGone);
  EXPECT_TRUE(holds(read_version(*store_, key, 4), 4, "four"));
  for (const std::uint32_t none : {0u, 5u, ~0u})
    EXPECT_EQ(kind_of(read_version(*store_, key, none)), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(read_version(*store_, key_of("o2"), 1)), ErrorKind::kNotFound);
}

TEST_F(Interactions, TheSameContentMakesNoNewVersion) {
  ASSERT_TRUE(update(*store_, observation("o", "one"), {}));
  const auto same = update(*store_, observation("o", "one"), {});
  ASSERT_TRUE(same);
  EXPECT_FALSE(same->created);
  EXPECT_TRUE(holds(same->stored, 1, "one"));
}

TEST_F(Interactions, VersionsBehindTheHorizonAreNotFoundWhateverACompactionLeft) {
  for (const char* text : {"one", "two", "three"})
    ASSERT_TRUE(update(*store_, observation("o", text), {}));
  store_->set_history_horizon(store_->last_commit().sequence);
  for (const bool compacted : {false, true}) {
    if (compacted) {
      ASSERT_TRUE(store_->compact());
    }
    EXPECT_EQ(kind_of(read_version(*store_, key_of("o"), 1)), ErrorKind::kNotFound);
    EXPECT_EQ(kind_of(read_version(*store_, key_of("o"), 2)), ErrorKind::kNotFound);
    EXPECT_TRUE(holds(read_version(*store_, key_of("o"), 3), 3, "three"));
  }
}

TEST_F(Interactions, ConditionsDecideAndLeaveEverythingAsItWas) {
  const auto key = key_of("o");
  const Condition absent{Kind::kAbsent};
  const Condition present{Kind::kPresent};
  const auto version = [](std::uint32_t number) { return Condition{Kind::kVersion, number}; };
  for (const auto& condition : {present, version(1), version(0)}) {
    EXPECT_EQ(kind_of(update(*store_, observation("o", "x"), condition)),
              ErrorKind::kPreconditionFailed);
    EXPECT_EQ(kind_of(remove(*store_, key, condition)), ErrorKind::kPreconditionFailed);
  }
  EXPECT_EQ(kind_of(read(*store_, key)), ErrorKind::kNotFound);
  ASSERT_TRUE(update(*store_, observation("o", "one"), absent));
  EXPECT_EQ(kind_of(update(*store_, observation("o", "x"), absent)),
            ErrorKind::kPreconditionFailed);
  EXPECT_EQ(kind_of(create(*store_, observation("o", "x"))), ErrorKind::kConflict);
  ASSERT_TRUE(update(*store_, observation("o", "two"), version(1)));
  for (const auto& condition : {version(1), version(3), version(0)}) {
    EXPECT_EQ(kind_of(update(*store_, observation("o", "x"), condition)),
              ErrorKind::kPreconditionFailed);
    EXPECT_EQ(kind_of(remove(*store_, key, condition)), ErrorKind::kPreconditionFailed);
  }
  ASSERT_TRUE(update(*store_, observation("o", "three"), present));
  EXPECT_TRUE(holds(read(*store_, key), 3, "three"));
  EXPECT_EQ(remove(*store_, key, version(3)).value(), 4u);
  EXPECT_EQ(kind_of(remove(*store_, key, present)), ErrorKind::kPreconditionFailed);
  EXPECT_TRUE(update(*store_, observation("o", "five"), absent));
}

TEST_F(Interactions, OfWritersOfOneVersionOneWins) {
  constexpr int kWriters = 4;
  constexpr int kRounds = 20;
  ASSERT_TRUE(update(*store_, observation("o", "start"), {}));
  std::atomic<int> won = 0;
  std::atomic<int> lost = 0;
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < kWriters; ++writer)
    writers.emplace_back([&, writer] {
      for (int round = 0; round < kRounds; ++round) {
        const auto seen = read(*store_, key_of("o")).value();
        const auto outcome = update(*store_, observation("o", fmt::format("{}/{}", writer, round)),
                                    {Kind::kVersion, seen.version});
        if (outcome && outcome->stored.version == seen.version + 1)
          ++won;
        else if (!outcome && outcome.error().kind == ErrorKind::kPreconditionFailed)
          ++lost;
      }
    });
  writers.clear();
  EXPECT_EQ(won + lost, kWriters * kRounds);
  // Each that won is a version of its own.
  EXPECT_EQ(read(*store_, key_of("o"))->version, static_cast<std::uint32_t>(won + 1));
}

}  // namespace
}  // namespace sluice::rest
