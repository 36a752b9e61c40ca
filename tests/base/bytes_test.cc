// Numbers in byte strings, hexadecimal, random ids.
#include "base/bytes.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice {
namespace {

TEST(Bytes, BigEndianNumbersSortLikeNumbers) {
  std::string small;
  std::string large;
  append_be64(small, 255);
  append_be64(large, 256);
  EXPECT_LT(small, large);
  EXPECT_EQ(read_be64(large.data()), 256u);
  std::string rest;
  append_be16(rest, 0xABCD);
  append_be32(rest, 0x01020304);
  EXPECT_EQ(read_be16(rest.data()), 0xABCD);
  EXPECT_EQ(read_be32(rest.data() + 2), 0x01020304u);
}

TEST(Bytes, HexadecimalGoesBothWays) {
  const std::string bytes("\x00\x7f\xff", 3);
  EXPECT_EQ(to_hex(bytes), "007fff");
  EXPECT_EQ(*from_hex("007FfF"), bytes);
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
}

TEST(Bytes, RandomIdsDiffer) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(random_hex(16));
  EXPECT_EQ(ids.size(), 1000u);
  EXPECT_EQ(ids.begin()->size(), 32u);
}

}  // namespace
}  // namespace sluice
