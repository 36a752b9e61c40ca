// I-02: searches that are too long for a link are kept for their client, for a while, within
// limits.
#include "api/core/long_searches.h"

#include <gtest/gtest.h>

namespace sluice::api {
namespace {

const Instant kUntil{1'000};
const Instant kBefore{999};
const Instant kAfter{1'001};

const auto kPatient = *fhir::find_resource_type("Patient");
const auto kObservation = *fhir::find_resource_type("Observation");

TEST(LongSearches, I02WhatIsKeptIsFoundByItsClient) {
  LongSearches searches;
  const auto name = searches.keep("a", kPatient, "name=x", kUntil);
  EXPECT_EQ(name.size(), 32u);
  EXPECT_EQ(searches.find("a", kPatient, name, kBefore).value(), "name=x");
  EXPECT_EQ(searches.find("b", kPatient, name, kBefore).error().kind, ErrorKind::kGone);
  EXPECT_EQ(searches.find("a", kPatient, "nosuch", kBefore).error().kind, ErrorKind::kGone);
  EXPECT_EQ(searches.find("a", kPatient, name, kAfter).error().kind, ErrorKind::kGone);
}

TEST(LongSearches, I02ASearchOfOneTypeIsNoneOfAnother) {
  LongSearches searches;
  const auto name = searches.keep("a", kPatient, "_id=x", kUntil);
  EXPECT_EQ(searches.find("a", kObservation, name, kBefore).error().kind, ErrorKind::kGone);
  const auto other = searches.keep("a", kObservation, "_id=x", kUntil);
  EXPECT_NE(other, name);
  EXPECT_EQ(searches.find("a", kObservation, other, kBefore).value(), "_id=x");
  EXPECT_EQ(searches.find("a", kPatient, name, kBefore).value(), "_id=x");
}

TEST(LongSearches, I02TheSameSearchKeepsItsName) {
  LongSearches searches;
  const auto name = searches.keep("a", kPatient, "name=x", kUntil);
  EXPECT_EQ(searches.keep("a", kPatient, "name=x", {2'000}), name);
  EXPECT_EQ(searches.find("a", kPatient, name, kAfter).value(), "name=x");
  EXPECT_NE(searches.keep("b", kPatient, "name=x", kUntil), name);
  EXPECT_NE(searches.keep("a", kPatient, "name=y", kUntil), name);
}

TEST(LongSearches, R01TheOnesThatNobodyAsksForMakeRoom) {
  LongSearches searches;
  const std::string large(4u << 20, 'x');
  std::vector<std::string> names;
  for (char c = 'a'; c < 'a' + 16; ++c)
    names.push_back(searches.keep("a", kPatient, std::string(1, c) + large, kUntil));
  // Sixteen of them and a byte each are more than fit: the first has gone.
  EXPECT_EQ(searches.find("a", kPatient, names[0], kBefore).error().kind, ErrorKind::kGone);
  EXPECT_TRUE(searches.find("a", kPatient, names[1], kBefore));
  searches.keep("a", kPatient, "z" + large, kUntil);
  EXPECT_TRUE(searches.find("a", kPatient, names[1], kBefore));
  EXPECT_FALSE(searches.find("a", kPatient, names[2], kBefore));
}

TEST(LongSearches, R01OneClientDoesNotPushOutAnothersSearches) {
  LongSearches searches;
  const auto mine = searches.keep("a", kPatient, "name=mine", kUntil);
  std::vector<std::string> theirs;
  for (std::size_t i = 0; i <= LongSearches::kCountMax; ++i)
    theirs.push_back(searches.keep("b", kPatient, std::to_string(i), kUntil));
  EXPECT_EQ(searches.find("a", kPatient, mine, kBefore).value(), "name=mine");
  EXPECT_FALSE(searches.find("b", kPatient, theirs[1], kBefore));
  EXPECT_EQ(searches.find("b", kPatient, theirs[2], kBefore).value(), "2");
  // Nor by their size.
  const std::string large(4u << 20, 'x');
  for (char c = 'a'; c < 'a' + 20; ++c)
    searches.keep("b", kPatient, std::string(1, c) + large, kUntil);
  EXPECT_EQ(searches.find("a", kPatient, mine, kBefore).value(), "name=mine");
}

}  // namespace
}  // namespace sluice::api
