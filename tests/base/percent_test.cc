// Percent-encoding: what is decoded, once, and what is no escape.
#include "base/percent.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Percent, DecodesOnceAndTreatsPlusByPlace) {
  EXPECT_EQ(percent_decoded("%24export", false), "$export");
  EXPECT_EQ(percent_decoded("a+b", false), "a+b");
  EXPECT_EQ(percent_decoded("a+b%2Bc", true), "a b+c");
  EXPECT_EQ(percent_decoded("%2524", true), "%24");
  EXPECT_EQ(percent_decoded("%c3%A9", true), "\xc3\xa9");
  EXPECT_EQ(percent_decoded("", true), "");
}

TEST(Percent, GivesEveryByteForTheCallerToJudge) {
  EXPECT_EQ(percent_decoded("a%00b", false), std::string("a\0b", 3));
  EXPECT_EQ(percent_decoded(std::string_view("a\0b", 3), false), std::string("a\0b", 3));
  EXPECT_EQ(percent_decoded("%ff\xfe /?#[", false), "\xff\xfe /?#[");
}

TEST(Percent, APercentSignWithoutTwoHexadecimalDigitsIsNoEscape) {
  for (const char* text : {"%", "%2", "%2g", "%g2", "a%", "%%20", "% 0", "%+1", "a%2", "%-1"})
    EXPECT_FALSE(percent_decoded(text, true)) << text;
}

TEST(Percent, EncodesAllButUnreservedCharacters) {
  EXPECT_EQ(percent_encoded("aZ0-._~"), "aZ0-._~");
  EXPECT_EQ(percent_encoded("a b+c/\xc3\xa9|%"), "a%20b%2Bc%2F%C3%A9%7C%25");
  EXPECT_EQ(percent_encoded(std::string_view("\0\xff", 2)), "%00%FF");
  EXPECT_EQ(percent_encoded(""), "");
}

TEST(Percent, DecodesWhatItEncodes) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  EXPECT_EQ(percent_decoded(percent_encoded(bytes), false), bytes);
  EXPECT_EQ(percent_decoded(percent_encoded(bytes), true), bytes);
}

}  // namespace
}  // namespace sluice
