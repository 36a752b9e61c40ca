#include "bulk/group/patient_set_cost.h"

#include <fmt/format.h>

#include "load_fixture.h"

namespace sluice::bulk {
namespace {

class PatientSetCostTest : public LoadTest {
 protected:
  // Patients p000 to p199.
  void SetUp() override {
    LoadTest::SetUp();
    std::string lines;
    for (int i = 0; i < 200; ++i)
      lines += fmt::format("{{\"resourceType\":\"Patient\",\"id\":\"p{:03}\"}}\n", i);
    load({file("patients.ndjson", lines)});
  }

  PatientSetCost cost_of(std::vector<std::string> ids, std::uint64_t patients = 200) {
    std::sort(ids.begin(), ids.end());
    const PatientSet patient_set(ids);
    const auto cost =
        patient_set_cost(*store_, &patient_set, patients, store_->last_commit().sequence);
    EXPECT_TRUE(cost);
    return cost ? *cost : PatientSetCost();
  }
};

TEST_F(PatientSetCostTest, OfFewMembersIsASeekEach) {
  const auto cost = cost_of({"p001", "p100", "nobody", "zz"});
  EXPECT_EQ(cost.seeks, 4);
  EXPECT_EQ(cost.share, 0.02);
}

TEST_F(PatientSetCostTest, OfManyWhoAreNotHereIsThatOfThoseWhoAre) {
  std::vector<std::string> ids = {"p000", "p077", "p199"};
  for (int i = 0; i < 5000; ++i) ids.push_back(fmt::format("p050-{}", i));
  for (int i = 0; i < 5000; ++i) ids.push_back(fmt::format("zz-{}", i));
  const auto cost = cost_of(ids);
  EXPECT_EQ(cost.seeks, 5);  // one for each, and one over each gap
  EXPECT_EQ(cost.share, 3.0 / 200);
}

TEST_F(PatientSetCostTest, OfManyWhoAreHereIsNotLookedForLong) {
  std::vector<std::string> ids;
  for (int i = 0; i < 200; ++i)
    for (const char* end : {"", "-absent"}) ids.push_back(fmt::format("p{:03}{}", i, end));
  const auto cost = cost_of(ids);
  EXPECT_EQ(cost.seeks, 400);
  EXPECT_EQ(cost.share, 1);
}

TEST_F(PatientSetCostTest, WithoutASetOrPatientsThereIsNothingToLookFor) {
  EXPECT_EQ(cost_of({"a", "b"}, 0).seeks, 2);
  EXPECT_EQ(cost_of({"a", "b"}, 0).share, 1);
  const auto cost = patient_set_cost(*store_, nullptr, 200, store_->last_commit().sequence);
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->seeks, 0);
  EXPECT_EQ(cost->share, 1);
}

}  // namespace
}  // namespace sluice::bulk
