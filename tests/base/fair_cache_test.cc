// what is kept has bounds, and nobody pushes out what others keep.
#include "base/fair_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

TEST(FairCache, R01WhoKeepsMostMakesRoomForTheOthers) {
  FairCache<int> cache(1'000, 10);
  cache.keep("few", "first", 1, 1);
  for (int i = 0; i < 1'000; ++i) cache.keep("many", std::to_string(i), 1, i);
  EXPECT_EQ(cache.count(), 10u);
  ASSERT_NE(cache.find("first"), nullptr);
  EXPECT_EQ(*cache.find("first"), 1);
  EXPECT_EQ(cache.find("990"), nullptr);
  EXPECT_EQ(*cache.find("991"), 991);
  EXPECT_EQ(*cache.find("999"), 999);
}

TEST(FairCache, R01WhenThereAreTooManyBytesTheyCountAndNotHowMany) {
  FairCache<int> cache(100, 10);
  for (const char* key : {"a", "b", "c"}) cache.keep("small", key, 10, 1);
  cache.keep("large", "d", 60, 2);
  EXPECT_EQ(cache.size(), 90u);
  cache.keep("small", "e", 15, 3);
  EXPECT_EQ(cache.find("d"), nullptr);
  for (const char* key : {"a", "b", "c", "e"}) EXPECT_NE(cache.find(key), nullptr) << key;
  EXPECT_EQ(cache.size(), 45u);
}

TEST(FairCache, WhatWasUsedLongestAgoGoesFirst) {
  FairCache<int> cache(100, 3);
  for (const char* key : {"a", "b", "c"}) cache.keep("one", key, 1, 1);
  EXPECT_NE(cache.find("a"), nullptr);
  EXPECT_NE(cache.find_of("one", [](int) { return true; }), nullptr);  // "a", the last used
  cache.keep("one", "d", 1, 1);
  EXPECT_EQ(cache.find("b"), nullptr);
  EXPECT_NE(cache.find("a"), nullptr);
  // Of several that have as much, too.
  FairCache<int> each(100, 2);
  each.keep("one", "a", 1, 1);
  each.keep("two", "b", 1, 2);
  EXPECT_NE(each.find("a"), nullptr);
  each.keep("three", "c", 1, 3);
  EXPECT_EQ(each.find("b"), nullptr);
  EXPECT_NE(each.find("a"), nullptr);
  EXPECT_NE(each.find("c"), nullptr);
}

TEST(FairCache, TheNewestHasRoomAndTakesThePlaceOfItsKey) {
  FairCache<std::string> cache(10, 5);
  cache.keep("one", "a", 4, "old");
  EXPECT_EQ(cache.keep("two", "a", 5, "new"), "new");
  EXPECT_EQ(cache.count(), 1u);
  EXPECT_EQ(cache.size(), 5u);
  EXPECT_EQ(cache.find_of("one", [](const auto&) { return true; }), nullptr);
  cache.keep("three", "b", 50, "large");
  EXPECT_EQ(cache.find("a"), nullptr);
  EXPECT_EQ(*cache.find("b"), "large");
  cache.erase("b");
  cache.erase("b");
  EXPECT_EQ(cache.count(), 0u);
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace sluice
