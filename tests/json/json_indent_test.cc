// JSON laid out for reading: what stands where, and that nothing but white space changes.
#include "json/json_indent.h"

#include <gtest/gtest.h>

namespace sluice::fhir {
namespace {

TEST(JsonIndent, EachMemberAndElementHasALine) {
  EXPECT_EQ(indented(R"({"a":1.50,"b":[{},[ ],{"c":"x"}]})", 1000).value(),
            "{\n"
            "  \"a\": 1.50,\n"
            "  \"b\": [\n"
            "    {},\n"
            "    [],\n"
            "    {\n"
            "      \"c\": \"x\"\n"
            "    }\n"
            "  ]\n"
            "}\n");
}

TEST(JsonIndent, StringsAndNumbersKeepTheirBytes) {
  const std::string text = R"({"a \" b":"{[,:]} \\","n":-1.500E+20,"u":"é"})";
  const std::string out = indented(text, 1000).value();
  for (const char* part : {R"("a \" b": "{[,:]} \\")", "-1.500E+20", R"("é")"})
    EXPECT_NE(out.find(part), std::string::npos) << out;
  // Twice the same: what is laid out already stays.
  EXPECT_EQ(indented(out, 1000).value(), out);
}

TEST(JsonIndent, WhatBecomesTooLargeIsAnError) {
  std::string deep = "0";
  for (int i = 0; i < 100; ++i) deep = "[" + deep + ",0,0,0]";
  const auto out = indented(deep, 100'000).value();
  EXPECT_LT(out.size(), 100 * 6 * (kIndentMax + 3));
  const auto refused = indented(deep, 1000);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kTooLarge);
}

}  // namespace
}  // namespace sluice::fhir
