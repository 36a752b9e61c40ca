#include "base/shown_url.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ShownUrl, L08HasNoQueryAndNoFragment) {
  EXPECT_EQ(shown_url("https://a.example/f?sig=s3cret"), "https://a.example/f");
  EXPECT_EQ(shown_url("https://a.example?sig=s3cret"), "https://a.example");
  EXPECT_EQ(shown_url("https://a.example/f#s3cret?x"), "https://a.example/f");
  EXPECT_EQ(shown_url("/f?sig=s3cret"), "/f");
  EXPECT_EQ(shown_url("?sig=s3cret"), "");
}

TEST(ShownUrl, L08HasNoUserAndNoPassword) {
  EXPECT_EQ(shown_url("https://me:s3cret@a.example/f"), "https://a.example/f");
  EXPECT_EQ(shown_url("https://me:s3@cret@a.example"), "https://a.example");
  EXPECT_EQ(shown_url("https:/me:s3cret@a.example/f"), "https:/a.example/f");
  EXPECT_EQ(shown_url("https:\\\\me:s3cret@a.example\\f"), "https:\\\\a.example\\f");
  EXPECT_EQ(shown_url("//me:s3cret@a.example/f"), "//a.example/f");
  EXPECT_EQ(shown_url("https://a.example/me@home"), "https://a.example/me@home");
  EXPECT_EQ(shown_url("/users/me@home"), "/users/me@home");
}

TEST(ShownUrl, IsShortAndEndsWithAWholeCharacter) {
  EXPECT_EQ(shown_url("https://a.example/" + std::string(1000, 'x')).size(), 256u);
  EXPECT_EQ(shown_url(std::string(255, 'x') + "\xC3\xBC"), std::string(255, 'x'));
  EXPECT_EQ(shown_url("https://" + std::string(1000, 's') + "@a.example/"), "https://a.example/");
  EXPECT_EQ(shown_url(""), "");
  EXPECT_EQ(shown_url("///"), "///");
}

}  // namespace
}  // namespace sluice
