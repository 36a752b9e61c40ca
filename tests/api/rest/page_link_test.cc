// Links of a search's pages: what they hold comes back, what was made by hand does not pass.
#include "api/rest/page_link.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace sluice::api {
namespace {

TEST(PageLink, ComesBackAsItWas_I02) {
  const PageLink walk{.as_of = {{17}, {1795531443422}},
                      .until = {1795535046136},
                      .cursor = {{"a-patient", "an-id"}, {}}};
  const PageLink sorted{
      .as_of = {{~std::uint64_t{0}}, {-5}}, .until = {0}, .cursor = {{"", ""}, {12}}, .total = 0};
  for (const PageLink& link : {walk, sorted}) {
    const std::string text = to_text(link);
    EXPECT_EQ(
        text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        std::string::npos);
    EXPECT_TRUE(parse_page_link(text).value() == link);
  }
}

TEST(PageLink, IsRefusedWhenItIsNotOne) {
  for (const std::string_view text :
       {"", "1", "2/17/1/2//0//id", "1/17/1/2//0/", "1/x/1/2//0//id", "1/17/1/2/x/0//id",
        "1/17/1/2//-1//id", "1/17/1/2//0/no id/id", "1/17/1/2//0//no/id",
        "1/99999999999999999999/1/2//0//id"}) {
    EXPECT_EQ(parse_page_link(base64url_encode(text)).error().kind, ErrorKind::kInvalid) << text;
  }
  EXPECT_TRUE(parse_page_link(base64url_encode("1/17/1/2//0//id")));
  EXPECT_EQ(parse_page_link("not base64!").error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace sluice::api
