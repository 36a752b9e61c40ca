// I-02: JSON pointers: the examples of RFC 6901 section 5, and what is none.
#include "json/json_pointer.h"

#include <gtest/gtest.h>

namespace sluice::fhir {
namespace {

TEST(JsonPointer, HasTheStepsThatTheStandardSays) {
  const struct {
    const char* text;
    JsonPointer steps;
  } cases[] = {
      {"", {}},           {"/foo", {"foo"}},  {"/foo/0", {"foo", "0"}}, {"/", {""}},
      {"/a~1b", {"a/b"}}, {"/c%d", {"c%d"}},  {"/e^f", {"e^f"}},        {"/g|h", {"g|h"}},
      {"/ ", {" "}},      {"/m~0n", {"m~n"}}, {"/i\\j", {"i\\j"}},      {"/k\"l", {"k\"l"}},
      {"//", {"", ""}},   {"/a/", {"a", ""}}, {"/~01", {"~1"}},
  };
  for (const auto& one : cases) {
    const auto steps = parse_json_pointer(one.text);
    ASSERT_TRUE(steps) << one.text;
    EXPECT_EQ(*steps, one.steps) << one.text;
  }
}

TEST(JsonPointer, SaysWhatIsNone) {
  for (const char* text : {"a", "a/b", "~", "/~", "/a~", "/~2", "/a~/b"})
    EXPECT_FALSE(parse_json_pointer(text)) << text;
}

TEST(JsonPointer, KnowsIndexes) {
  EXPECT_EQ(array_index("0"), 0u);
  EXPECT_EQ(array_index("907"), 907u);
  for (const char* text : {"", "-", "-1", "+1", "01", "1.0", "1e3", " 1", "99999999999999999999"})
    EXPECT_FALSE(array_index(text)) << text;
}

}  // namespace
}  // namespace sluice::fhir
