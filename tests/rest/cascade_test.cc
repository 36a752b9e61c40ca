// Deleting a patient with the compartment (I-02): others write between the look and the deletion.
#include "rest/cascade.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rest/interactions.h"
#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"

namespace sluice::rest {
namespace {

class CascadeTest : public testing::Test {
 protected:
  void put(const std::string& text) {
    ASSERT_TRUE(update(*store_, fhir::ResourceReader().read(text).value(), {}));
  }
  void put_observation(const std::string& id, const std::string& patient, int number = 0) {
    put(fmt::format(R"({{"resourceType":"Observation","id":"{}","subject":{{"reference":)"
                    R"("Patient/{}"}},"valueInteger":{}}})",
                    id, patient, number));
  }
  bool is_there(const std::string& id) {
    return store_
        ->read({*fhir::find_resource_type("Observation"), id}, store_->last_commit().sequence)
        .value()
        .has_value();
  }
  /// Deletes patient p, with `meanwhile` done after each look.
  Result<CascadeOutcome> erase(const std::function<void(int)>& meanwhile) {
    int looks = 0;
    return remove_with_compartment(*store_, "p", {}, 100,
                                   {[&](const auto&) -> Result<void> {
                                      meanwhile(++looks);
                                      return {};
                                    },
                                    [&](const auto& keys) -> Result<void> {
                                      announced_ += keys.size();
                                      return {};
                                    }});
  }

  TemporaryFolder folder_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_rocksdb_store(folder_.path(), clock_).value();
  std::size_t announced_ = 0;
};

TEST_F(CascadeTest, WhatJoinsOrChangesOrLeavesMeanwhileIsSeen) {
  put(R"({"resourceType":"Patient","id":"p"})");
  for (const auto* id : {"stays", "changes", "leaves", "vanishes"}) put_observation(id, "p");
  const auto outcome = erase([&](int look) {
    if (look == 1) put_observation("joins", "p");
    if (look == 2) put_observation("changes", "p", 1);
    if (look == 3) put_observation("leaves", "q");
    if (look == 4) {
      ASSERT_TRUE(remove(*store_, {*fhir::find_resource_type("Observation"), "vanishes"}, {}));
    }
    put_observation("other", "q", look);
    EXPECT_TRUE(is_there("stays"));
    ASSERT_LT(look, 6) << "writes to others stop nothing";
  });
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->version, 2u);
  EXPECT_EQ(outcome->others, 3u);
  EXPECT_EQ(announced_, 6u) << "each resource once";
  for (const auto* id : {"stays", "changes", "joins", "vanishes"}) EXPECT_FALSE(is_there(id)) << id;
  EXPECT_TRUE(is_there("leaves"));
  EXPECT_TRUE(is_there("other"));
}

// G-05: a Device with a patient is in that patient's compartment.
TEST_F(CascadeTest, DevicesOfThePatientGoToo) {
  put(R"({"resourceType":"Patient","id":"p"})");
  put(R"({"resourceType":"Device","id":"of-p","patient":{"reference":"Patient/p"}})");
  put(R"({"resourceType":"Device","id":"of-q","patient":{"reference":"Patient/q"}})");
  put(R"({"resourceType":"Device","id":"of-nobody"})");
  const auto outcome = erase([](int) {});
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->others, 1u);
  const auto device = *fhir::find_resource_type("Device");
  const auto left =
      store_->exist(device, {"of-p", "of-q", "of-nobody"}, store_->last_commit().sequence).value();
  EXPECT_EQ(left, (std::vector<bool>{false, true, true}));
}

TEST_F(CascadeTest, ItGivesUpWhenOthersWriteAllTheTime) {
  put(R"({"resourceType":"Patient","id":"p"})");
  const auto outcome = erase([&](int look) { put_observation("o", "p", look); });
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::kConflict);
  EXPECT_TRUE(is_there("o"));
}

}  // namespace
}  // namespace sluice::rest
