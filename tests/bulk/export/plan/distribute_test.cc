#include "bulk/export/plan/distribute.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::bulk {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ShareOut, HeaviestFirstEachToTheLightest) {
  EXPECT_THAT(distribute({1, 7, 2, 5, 3}, 2), ElementsAre(ElementsAre(1, 2), ElementsAre(0, 3, 4)));
  EXPECT_THAT(distribute({4, 4, 4, 4}, 2), ElementsAre(ElementsAre(0, 2), ElementsAre(1, 3)));
}

TEST(ShareOut, NoShareIsEmpty) {
  EXPECT_THAT(distribute({5, 1}, 8), ElementsAre(ElementsAre(0), ElementsAre(1)));
  EXPECT_THAT(distribute({0, 0, 0}, 3),
              ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(2)));
  EXPECT_THAT(distribute({3, 2, 1}, 1), ElementsAre(ElementsAre(0, 1, 2)));
  EXPECT_THAT(distribute({}, 4), IsEmpty());
}

}  // namespace
}  // namespace sluice::bulk
