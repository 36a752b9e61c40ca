#include "json/token_copy.h"

#include <gtest/gtest.h>

#include "json/json_check.h"
#include "token_offsets.h"

namespace sluice::fhir {
namespace {

// The copy of `{"a": ...}` without b, with something in front of c.
TEST(TokenCopy, TokensMoveWithWhatIsKept) {
  const std::string text = R"( {"a" : [1, "x\"y"], "b":{"gone":null}, "c":true } )";
  JsonTokens tokens;
  ASSERT_TRUE(tokens.read(text));
  std::string out = "before";
  std::vector<std::uint32_t> offsets;
  TokenCopy copy(tokens, 0, out, &offsets);
  copy.keep_until(text.find(R"("b")"));
  copy.skip_until(text.find(R"("c")"));
  copy.insert(R"("new":{"n":-1.5,"l":[]},)");
  copy.keep_until(text.rfind('}') + 1);
  copy.finish();
  EXPECT_EQ(out, R"(before{"a" : [1, "x\"y"], "new":{"n":-1.5,"l":[]},"c":true })");
  EXPECT_EQ(copy.size(), out.size() - 6);
  EXPECT_EQ(offsets, token_offsets(std::string_view(out).substr(6)));
}

TEST(TokenCopy, APartOfAStringIsNoToken) {
  const std::string text = R"({"a":"urn:uuid:1 and urn:uuid:1","b":[]})";
  JsonTokens tokens;
  ASSERT_TRUE(tokens.read(text));
  std::string out;
  std::vector<std::uint32_t> offsets;
  TokenCopy copy(tokens, 0, out, &offsets);
  for (std::size_t at = 0; (at = text.find("urn:uuid:1", at)) != std::string::npos; at += 10) {
    copy.keep_until(at);
    copy.insert_in_string("Patient/123");
    copy.skip_until(at + 10);
  }
  copy.keep_until(text.size());
  copy.finish();
  EXPECT_EQ(out, R"({"a":"Patient/123 and Patient/123","b":[]})");
  EXPECT_EQ(offsets, token_offsets(out));
}

TEST(TokenCopy, LinesBecomeOne) {
  const std::string text = "{ \"a\" :\r\n  [ 1 , \n\n 2 ]\t\n,\"b\": 3 \n }\n";
  JsonTokens tokens;
  ASSERT_TRUE(tokens.read(text));
  std::string out;
  std::vector<std::uint32_t> offsets;
  TokenCopy copy(tokens, 0, out, &offsets, TokenCopy::Lines::kOne);
  copy.keep_until(text.rfind('}') + 1);
  copy.finish();
  EXPECT_EQ(out, R"({ "a" :[ 1 ,2 ],"b": 3})");
  EXPECT_EQ(offsets, token_offsets(out));
}

TEST(JsonTokens, OfAValueAreThoseOfItsText) {
  const std::string text = R"({"a":[1,{"b":"x"}],"c":2})";
  JsonTokens tokens;
  ASSERT_TRUE(tokens.read(text));
  const std::size_t before = JsonTokens::texts_read();
  const JsonTokens value = tokens.value(3);
  EXPECT_EQ(value.size(), 9u);
  EXPECT_EQ(value.first(0), '[');
  EXPECT_EQ(value.scalar(1), "1");
  EXPECT_EQ(value.closing(0), 8u);
  EXPECT_EQ(value.raw_string(6), "x");
  EXPECT_EQ(JsonTokens::texts_read(), before) << "nothing is found again";
}

TEST(JsonTokens, AreKnownOrReadOnceMore) {
  const std::string text = R"({"a":1})";
  const auto offsets = token_offsets(text);
  const std::size_t before = JsonTokens::texts_read();
  EXPECT_EQ(JsonTokens::known_or_read(text, offsets).scalar(3), "1");
  EXPECT_EQ(JsonTokens::texts_read(), before);
  EXPECT_EQ(JsonTokens::known_or_read(text, {}).scalar(3), "1");
  EXPECT_EQ(JsonTokens::texts_read(), before + 1);
}

}  // namespace
}  // namespace sluice::fhir
