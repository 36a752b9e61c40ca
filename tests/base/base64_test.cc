// Base64: RFC 4648's vectors, and what each of the two alphabets refuses.
#include "base/base64.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Base64, EncodesTheVectorsOfRfc4648) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(base64_encode("f"), "Zg==");
  EXPECT_EQ(base64_encode("fo"), "Zm8=");
  EXPECT_EQ(base64_encode("foo"), "Zm9v");
  EXPECT_EQ(base64_encode("foob"), "Zm9vYg==");
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64_encode("\xfb\xff\xbf"), "+/+/");
}

TEST(Base64, DecodesTheVectorsOfRfc4648) {
  EXPECT_EQ(*base64_decode(""), "");
  EXPECT_EQ(*base64_decode("Zg=="), "f");
  EXPECT_EQ(*base64_decode("Zm8="), "fo");
  EXPECT_EQ(*base64_decode("Zm9v"), "foo");
  EXPECT_EQ(*base64_decode("Zm9vYg=="), "foob");
  EXPECT_EQ(*base64_decode("+/+/"), "\xfb\xff\xbf");
}

TEST(Base64, RefusesOtherCharactersAndPaddingThatIsNotAtTheEnd) {
  for (const char* text :
       {"Zg", "Zg=", "Z", "Zm9vY", "Zm 8", "Zm8\n", " Zm8", "-_-_", "Zm\xc3\xa4", "Zm8.",
        "====", "Z===", "Zg==Zm9v", "Z=9v", "Zm9v----", "Zm9v====", "    Zm9v", "Zm9v    "})
    EXPECT_FALSE(base64_decode(text)) << text;
  EXPECT_FALSE(base64_decode(std::string_view("Zm\0v", 4)));
}

TEST(Base64, TakesUnusedBitsThatOtherWritersLeaveSet) {
  EXPECT_EQ(*base64_decode("Zh=="), "f");
  EXPECT_EQ(*base64_decode("Zm9="), "fo");
}

TEST(Base64, DecodesWhatItEncodesBeyondOnePieceToo) {
  for (const std::size_t size : {(3u << 20) - 1, 3u << 20, (3u << 20) + 1, (6u << 20) + 2}) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 37 >> 3);
    const std::string text = base64_encode(bytes);
    EXPECT_EQ(text.size(), (size + 2) / 3 * 4);
    EXPECT_EQ(text.find('\0'), std::string::npos);
    EXPECT_TRUE(*base64_decode(text) == bytes) << size;
    EXPECT_TRUE(*base64url_decode(base64url_encode(bytes)) == bytes) << size;
  }
}

TEST(Base64url, EncodesTheVectorsOfRfc4648WithoutPadding) {
  EXPECT_EQ(base64url_encode(""), "");
  EXPECT_EQ(base64url_encode("f"), "Zg");
  EXPECT_EQ(base64url_encode("fo"), "Zm8");
  EXPECT_EQ(base64url_encode("foo"), "Zm9v");
  EXPECT_EQ(base64url_encode("foob"), "Zm9vYg");
  EXPECT_EQ(base64url_encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64url_encode("\xfb\xff\xfe"), "-__-");
}

TEST(Base64url, DecodesWhatItEncodes) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    const auto decoded = base64url_decode(base64url_encode(bytes));
    ASSERT_TRUE(decoded);
    ASSERT_EQ(*decoded, bytes);
    bytes.push_back(static_cast<char>(i * 37));
  }
}

TEST(Base64url, RefusesEveryTextThatIsNotTheOneOfItsBytes) {
  for (const char* text : {"Zg==", "Zg=", "Zm8=", "Z", "Zm9vY", "Zh", "Zm9", "Zm 8", "Zm8\n",
                           " Zm8", "-_/+", "+/+/", "Zm\xc3\xa4", "Zm8.", "====",
                           // Other decoders take these, or end the process at them.
                           "A=A\xbc", "A=AA", "A===", "=AAA", "AAAAA=AA"})
    EXPECT_FALSE(base64url_decode(text)) << text;
  EXPECT_FALSE(base64url_decode(std::string_view("Zm\0v", 4)));
}

}  // namespace
}  // namespace sluice
