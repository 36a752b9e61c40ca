// I-02: the change log from its end, and the versions that changes made: the same as what
// versions() finds, whatever happened to a resource and whatever a compaction dropped.
#include <algorithm>
#include <random>

#include "store_fixture.h"

namespace sluice::store {
namespace {

class StoreHistory : public StoreTest {
 protected:
  /// "sequence/number Type/id" of each entry.
  static std::vector<std::string> read_all(Result<std::unique_ptr<ChangeScan>> scan) {
    std::vector<std::string> entries;
    Change change;
    while (scan.value()->next(change).value())
      entries.push_back(std::to_string(change.sequence.value) + "/" +
                        std::to_string(change.number) + " " +
                        std::string(fhir::type_name(change.type)) + "/" + std::string(change.id));
    EXPECT_FALSE(scan.value()->next(change).value());
    return entries;
  }

  /// What a version says, as text.
  static std::string shown(const Version& version) {
    return std::to_string(version.version) + (version.deleted ? " deleted " : " ") + version.json +
           " " + to_fhir_instant(version.instant) + (version.created ? " created" : "") + " " +
           std::to_string(version.superseded.value);
  }

  void expect_versions_of_changes() {
    const auto changes = store_->changes({0}, last()).value();
    Change change;
    std::size_t kept = 0;
    std::size_t found = 0;
    while (changes->next(change).value()) {
      const auto versions =
          store_->versions({change.type, std::string(change.id)}, ~0u, 100000).value();
      const auto expected = std::find_if(versions.begin(), versions.end(), [&](const Version& v) {
        return v.sequence == change.sequence;
      });
      const auto version = store_->version_of(change).value();
      kept += expected != versions.end();
      found += version.has_value();
      if (expected != versions.end() && version) {
        EXPECT_EQ(shown(*version), shown(*expected)) << change.id;
      }
    }
    EXPECT_EQ(found, kept);
    EXPECT_GT(found, 0u);
  }
};
INSTANTIATE_TEST_SUITE_P(EachBackend, StoreHistory, testing::ValuesIn(backends()),
                         [](const auto& i) { return i.param.name; });

TEST_P(StoreHistory, ChangesComeNewestFirstFromAnyPlace) {
  put(make_resource("Patient", "first", "x"));
  Batch large;  // more than one pack of the log
  for (int i = 0; i < 2000; ++i)
    large.put(make_resource("Observation", "o" + std::to_string(i), "x", {"p"}));
  write(large);
  remove("Patient", "first");
  const auto forwards = read_all(store_->changes({0}, last()));
  ASSERT_EQ(forwards.size(), 2002u);
  std::vector<std::string> backwards(forwards.rbegin(), forwards.rend());
  const ChangeCursor end{{last().value + 1}, 0};
  EXPECT_EQ(read_all(store_->changes_newest_first(end, {0})), backwards);
  EXPECT_EQ(read_all(store_->changes_newest_first({{~std::uint64_t{0}}, 7}, {0})), backwards);
  EXPECT_EQ(read_all(store_->changes_newest_first(end, {2})),
            std::vector<std::string>(backwards.begin(), backwards.begin() + 1));
  EXPECT_TRUE(read_all(store_->changes_newest_first(end, last())).empty());
  for (const std::uint32_t number : {0u, 1u, 2u, 700u, 1999u, 2000u})
    EXPECT_EQ(read_all(store_->changes_newest_first({{2}, number}, {0})),
              std::vector<std::string>(backwards.end() - 1 - number, backwards.end()))
        << number;
}

TEST_P(StoreHistory, EveryChangeHasItsVersion) {
  const auto seed = test_seed();
  std::mt19937_64 random(seed);
  const auto pick = [&](std::uint64_t n) { return random() % n; };
  for (int i = 0; i < 120; ++i) {
    Batch batch;
    for (std::uint64_t n = 1 + pick(3); n > 0; --n) {
      const std::string id = "o" + std::to_string(pick(6));
      std::vector<std::string> owners{"p" + std::to_string(pick(2)), "q"};
      owners.resize(pick(3));
      if (pick(4) == 0)
        batch.remove("Observation", id);
      else
        batch.put(make_resource("Observation", id, std::to_string(pick(1000)), owners));
    }
    write(batch);
  }
  expect_versions_of_changes();
  store_->set_history_horizon({60});
  expect_versions_of_changes();
  store_->compact().value();
  expect_versions_of_changes();
  store_->set_history_horizon(last());
  store_->compact().value();
  expect_versions_of_changes();
  reopen();
  store_->set_history_horizon(last());
  expect_versions_of_changes();
}

// What may have been dropped is not there again because somebody asks for more.
TEST_P(StoreHistory, ItsHorizonNeverGoesBack) {
  for (int i = 0; i < 3; ++i) {
    Batch batch;
    batch.put(make_resource("Observation", "o", std::to_string(i), {"p"}));
    write(batch);
  }
  store_->set_history_horizon({2});
  store_->set_history_horizon({1});
  EXPECT_EQ(store_->history_horizon().value, 2u);
  store_->set_history_horizon({1'000});
  EXPECT_EQ(store_->history_horizon(), last());
  reopen();
  EXPECT_EQ(store_->history_horizon(), last());
  store_->set_history_horizon({1});
  EXPECT_EQ(store_->history_horizon(), last());
}

}  // namespace
}  // namespace sluice::store
