// I-02: searches that are too long for a link are kept for their client, for a while, within
// limits.
#include "api/core/long_searches.h"

#include <gtest/gtest.h>

namespace sluice::api {
namespace {

const Instant kUntil{1'000};
const Instant kBefore{999};
const Instant kAfter{1'001};

TEST(LongSearches, I02WhatIsKeptIsFoundByItsClient) {
  LongSearches searches;
  const auto name = searches.keep("a", "name=x", kUntil);
  EXPECT_EQ(name.size(), 32u);
  EXPECT_EQ(searches.find("a", name, kBefore).value(), "name=x");
  EXPECT_EQ(searches.find("b", name, kBefore).error().kind, ErrorKind::kGone);
  EXPECT_EQ(searches.find("a", "nosuch", kBefore).error().kind, ErrorKind::kGone);
  EXPECT_EQ(searches.find("a", name, kAfter).error().kind, ErrorKind::kGone);
}

TEST(LongSearches, I02TheSameSearchKeepsItsName) {
  LongSearches searches;
  const auto name = searches.keep("a", "name=x", kUntil);
  EXPECT_EQ(searches.keep("a", "name=x", {2'000}), name);
  EXPECT_EQ(searches.find("a", name, kAfter).value(), "name=x");
  EXPECT_NE(searches.keep("b", "name=x", kUntil), name);
  EXPECT_NE(searches.keep("a", "name=y", kUntil), name);
}

TEST(LongSearches, R01TheOnesThatNobodyAsksForMakeRoom) {
  LongSearches searches;
  const std::string large(4u << 20, 'x');
  std::vector<std::string> names;
  for (char c = 'a'; c < 'a' + 16; ++c)
    names.push_back(searches.keep("a", std::string(1, c) + large, kUntil));
  // Sixteen of them and a byte each are more than fit: the first has gone.
  EXPECT_EQ(searches.find("a", names[0], kBefore).error().kind, ErrorKind::kGone);
  EXPECT_TRUE(searches.find("a", names[1], kBefore));
  searches.keep("a", "z" + large, kUntil);
  EXPECT_TRUE(searches.find("a", names[1], kBefore));
  EXPECT_FALSE(searches.find("a", names[2], kBefore));
  for (std::size_t i = 0; i < LongSearches::kCountMax; ++i)
    searches.keep("b", std::to_string(i), kUntil);
  EXPECT_FALSE(searches.find("a", names[1], kBefore));
}

}  // namespace
}  // namespace sluice::api
