// Stores of before Devices were in their patients' compartments (G-05), and of before the change
// log told former owners (M-04): what an earlier version of the program left is upgraded at
// opening.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raw_database.h"
#include "store/rocksdb/rocksdb_store.h"
#include "store_fixture.h"

namespace sluice::store {
namespace {

using Lines = std::vector<std::string>;

// As the program of before read it: in nobody's compartment.
fhir::IncomingResource old_device(const std::string& id, const std::string& more) {
  fhir::ResourceReader reader;
  auto device =
      reader.read(fmt::format(R"({{"resourceType":"Device","id":"{}"{}}})", id, more)).value();
  device.owners.clear();
  return device;
}

std::string of(const std::string& patient) {
  return fmt::format(R"(,"patient":{{"reference":"Patient/{}"}})", patient);
}

class DevicesUpgrade : public testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override {
    auto store = open();
    const auto write = [&](const Batch& batch) { store->write(batch.transaction()).value(); };
    Batch many;
    for (int i = 0; i < 1200; ++i) many.put(old_device(fmt::format("m{}", i), of("many")));
    write(many);
    write(Batch().put(old_device("of-p", of("p"))).put(old_device("of-nobody", "")));
    write(Batch().put(old_device("gone", of("p"))));
    write(Batch().remove("Device", "gone"));
    write(Batch().put(make_resource("Observation", "o", "x", {"p"})));
    before_ = store->last_commit().sequence;
    store.reset();
    const std::uint64_t version = GetParam();
    if (version < 5) drop_family(folder_.path(), "attachments");
    if (version < 3) drop_family(folder_.path(), "targets");
    if (version < 2) drop_family(folder_.path(), "members");
    set_format(folder_.path(), version);
  }

  std::unique_ptr<Store> open() { return open_rocksdb_store(folder_.path(), clock_).value(); }

  static Lines devices_of(const Store& store, std::string_view owner, Sequence as_of) {
    return scan_to_text(store, of_owner(type_of("Device"), owner), as_of);
  }

  static void check(const Store& store, Sequence before, Sequence first) {
    const Sequence now = store.last_commit().sequence;
    EXPECT_EQ(devices_of(store, "p", now), (Lines{"p/of-p@2"}));
    EXPECT_EQ(devices_of(store, "", now), (Lines{"/of-nobody@1"}));
    EXPECT_EQ(devices_of(store, "many", now).size(), 1200u);
    // Who reads as of before still finds it where it was.
    EXPECT_EQ(devices_of(store, "p", before), Lines());
    EXPECT_EQ(devices_of(store, "", before).size(), 1202u);
    EXPECT_EQ(store.read(id_of("Device", "of-p"), before).value()->owners, "");
    // It is a change: copies of the patient's data get it (G-05).
    EXPECT_EQ(store.change_count(before, now).value(), 1201u);
    EXPECT_EQ(store.former_owners_from(), first);
    const auto statistics = store.statistics().value();
    for (const auto& type : statistics) {
      if (type.type != type_of("Device")) continue;
      EXPECT_EQ(type.resources, 1202u);
    }
  }

  TemporaryFolder folder_;
  TestClock clock_;
  Sequence before_;
};

TEST_P(DevicesUpgrade, DevicesOfPatientsComeIntoTheirCompartmentsAsNewVersions) {
  const Sequence first{before_.value + 1};
  auto store = open();
  check(*store, before_, first);
  const Sequence now = store->last_commit().sequence;
  store.reset();
  // Once.
  store = open();
  EXPECT_EQ(store->last_commit().sequence, now);
  check(*store, before_, first);
}

TEST_P(DevicesUpgrade, AfterACrashInTheMiddleItIsDoneToTheEnd) {
  auto store = open();
  const Sequence now = store->last_commit().sequence;
  store.reset();
  // All was written but the new version of the format.
  set_format(folder_.path(), 5);
  store = open();
  EXPECT_EQ(store->last_commit().sequence, now);
  check(*store, before_, {now.value + 1});
}

INSTANTIATE_TEST_SUITE_P(Versions, DevicesUpgrade, testing::Values(1, 2, 3, 4, 5));

}  // namespace
}  // namespace sluice::store
