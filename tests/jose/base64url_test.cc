// base64url without padding: RFC 4648's vectors, and every text that is not the only one.
#include "jose/base64url.h"

#include <gtest/gtest.h>

namespace sluice::jose {
namespace {

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
                           // cjose ends the process at these.
                           "A=A\xbc", "A=AA", "A===", "=AAA", "AAAAA=AA"})
    EXPECT_FALSE(base64url_decode(text)) << text;
  EXPECT_FALSE(base64url_decode(std::string_view("Zm\0v", 4)));
}

}  // namespace
}  // namespace sluice::jose
