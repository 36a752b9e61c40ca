// Sizes and cuts of ranges: parts are the range and nothing else, and about as large as asked for,
// whatever the ids look like.
#include <fmt/format.h>

#include <ctime>
#include <numeric>
#include <random>

#include "store_fixture.h"

namespace sluice::store {
namespace {

class StoreSplit : public StoreTest {
 protected:
  // Text that compresses to about a third.
  std::string text(std::size_t size) {
    std::string text;
    while (text.size() < size) text += fmt::format("{:x} the same for all of them ", random_());
    text.resize(size);
    return text;
  }
  std::string uuid() {
    const auto n = [&] { return static_cast<std::uint32_t>(random_()); };
    return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:04x}{:08x}", n(), n() & 0xffff, n() & 0xffff,
                       n() & 0xffff, n() & 0xffff, n());
  }

  // Loads `count` resources of about `size` bytes.
  template <class MakeId, class MakeOwner>
  void load(int count, std::size_t size, MakeId make_id, MakeOwner make_owner) {
    Batch batch;
    for (int i = 0; i < count; ++i) {
      std::vector<std::string> owners;
      if (std::string owner = make_owner(i); !owner.empty()) owners.push_back(std::move(owner));
      batch.put(make_resource("Observation", make_id(i), text(size), std::move(owners)));
      if (i % 500 == 499 || i == count - 1) {
        write(batch.not_durable());
        batch = Batch();
      }
    }
  }

  // Splits and checks that the parts are the range; gives the bytes of lines in each.
  std::vector<std::uint64_t> split_sizes(const KeyRange& range, std::uint64_t part_size) {
    const auto parts = store_->split(range, part_size).value();
    EXPECT_FALSE(parts.empty());
    EXPECT_EQ(parts.front().from, range.from);
    EXPECT_EQ(parts.back().to, range.to);
    std::vector<std::string> in_parts;
    std::vector<std::uint64_t> sizes;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      EXPECT_EQ(parts[i].type, range.type);
      EXPECT_TRUE(i == 0 || parts[i].from == parts[i - 1].to);
      EXPECT_TRUE(parts[i].to.empty() || parts[i].from < parts[i].to);
      std::uint64_t size = 0;
      const auto scan = store_->scan(parts[i], last()).value();
      RecordView record;
      while (scan->next(record).value()) {
        size += record.json.size() + 1;
        in_parts.push_back(std::string(record.owner) + "/" + std::string(record.id) + "@1");
      }
      sizes.push_back(size);
    }
    EXPECT_EQ(in_parts, scan(range, last()));
    return sizes;
  }

  // All but the last are between half and one and a half of what was asked for.
  void expect_even(const std::vector<std::uint64_t>& sizes, std::uint64_t part_size) {
    const auto total = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
    EXPECT_GE(sizes.size(), total / part_size * 2 / 3);
    EXPECT_LE(sizes.size(), total / part_size * 3 / 2 + 2);
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
      EXPECT_GT(sizes[i], part_size / 2) << i;
      EXPECT_LT(sizes[i], part_size * 3 / 2) << i;
    }
  }

  std::mt19937_64 random_{7};
};
INSTANTIATE_TEST_SUITE_P(EachBackend, StoreSplit, testing::ValuesIn(backends()),
                         [](const auto& i) { return i.param.name; });

constexpr std::uint64_t kPart = 1u << 20;

TEST_P(StoreSplit, AnEmptyRangeIsOnePart) {
  const auto range = whole_type(type_of("Observation"));
  EXPECT_EQ(store_->approximate_size(range).value(), 0u);
  EXPECT_EQ(store_->split(range, kPart).value(), std::vector{range});
  EXPECT_EQ(store_->split(range, 0).value(), std::vector{range});
  const auto owner = of_owner(type_of("Observation"), "p");
  EXPECT_EQ(store_->split(owner, kPart).value(), std::vector{owner});
}

TEST_P(StoreSplit, CutsRandomIdsOfManyPatientsEvenly) {
  std::vector<std::string> patients;
  for (int i = 0; i < 300; ++i) patients.push_back(uuid());
  load(
      8000, 2000, [&](int) { return uuid(); }, [&](int i) { return patients[i / 7 % 300]; });
  store_->compact().value();
  const auto range = whole_type(type_of("Observation"));
  const auto size = store_->approximate_size(range).value();
  EXPECT_GT(size, 8000u * 2000 * 8 / 10);
  EXPECT_LT(size, 8000u * 2200 * 12 / 10);
  expect_even(split_sizes(range, kPart), kPart);
}

TEST_P(StoreSplit, CutsCountedIdsOfNobodyEvenly) {
  load(
      8000, 2000, [](int i) { return std::to_string(1'000'000 + i); }, [](int) { return ""; });
  store_->compact().value();
  expect_even(split_sizes(without_owner(type_of("Observation")), kPart), kPart);
  expect_even(split_sizes(whole_type(type_of("Observation")), 2 * kPart), 2 * kPart);
  EXPECT_EQ(store_->approximate_size(with_owner(type_of("Observation"))).value(), 0u);
}

TEST_P(StoreSplit, CutsOnePatientWithLongSimilarIdsEvenly) {
  const std::string same(50, 'x');
  load(
      4000, 4000, [&](int i) { return same + std::to_string(i); }, [](int) { return "the-one"; });
  store_->compact().value();
  expect_even(split_sizes(with_owner(type_of("Observation")), kPart), kPart);
}

TEST_P(StoreSplit, CutsWhatIsStillInMemory) {
  load(
      4000, 2000, [&](int) { return uuid(); }, [&](int i) { return std::to_string(i % 100); });
  const auto range = whole_type(type_of("Observation"));
  const auto size = store_->approximate_size(range).value();
  // Memory is a skip list whose heights are random, and so is its estimate: from a third of what is
  // there to three times as much. Which parts cover the range does not hang on it.
  EXPECT_GT(size, 4000u * 2000 / 4);
  EXPECT_LT(size, 4000u * 2200 * 4);
  EXPECT_GE(split_sizes(range, kPart).size(), 2u);
  // Smaller than the store can tell: still the range, in no more parts than it has records.
  EXPECT_LE(store_->split(of_owner(type_of("Observation"), "7"), 1).value().size(), 41u);
}

TEST_P(StoreSplit, SmallRangesHaveTheirExactSize) {
  put(make_resource("Patient", "a", "x", {"a"}));
  put(make_resource("Patient", "b", "x", {"b"}));
  EXPECT_EQ(store_->approximate_size(whole_type(type_of("Patient"))).value(),
            store_->statistics().value()[0].bytes);
  reopen();
  EXPECT_EQ(store_->approximate_size(whole_type(type_of("Patient"))).value(),
            store_->statistics().value()[0].bytes);
  EXPECT_EQ(store_->approximate_size(of_owner(type_of("Patient"), "c")).value(), 0u);
}

TEST_P(StoreSplit, AThousandPartsTakeLittleTime) {
  load(
      20'000, 1000, [&](int) { return uuid(); }, [&](int i) { return std::to_string(i % 1000); });
  store_->compact().value();
  const std::clock_t start = std::clock();  // of the processor: a busy machine takes longer
  const auto parts = store_->split(whole_type(type_of("Observation")), 20'000).value();
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  EXPECT_GT(parts.size(), 200u);  // a block of the store holds more than one part
  EXPECT_LT(seconds, 2.0);
  RecordProperty("milliseconds", static_cast<int>(seconds * 1000));
}

}  // namespace
}  // namespace sluice::store
