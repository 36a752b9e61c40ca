// What part of a file an answer has.
#include "transport/content_range.h"

#include <gtest/gtest.h>

namespace sluice::transport {
namespace {

TEST(ContentRange, HasItsFirstAndLastByteAndTheWholesSize) {
  const auto range = parse_content_range("bytes 5-9/20");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 5u);
  EXPECT_EQ(range->last, 9u);
  EXPECT_EQ(range->total, 20u);
  EXPECT_EQ(parse_content_range("bytes 0-0/*")->total, std::nullopt);
}

TEST(ContentRange, WhatIsNoRangeOfBytesIsNone) {
  for (const char* text :
       {"", "bytes", "bytes 5-", "bytes -9/10", "bytes 9-5/10", "bytes 5-10/10", "bytes */10",
        "lines 1-2/3", "bytes 5/9-10", "bytes 1-99999999999999999999/*"})
    EXPECT_FALSE(parse_content_range(text)) << text;
}

}  // namespace
}  // namespace sluice::transport
