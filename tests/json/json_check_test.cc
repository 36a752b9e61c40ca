#include "json/json_check.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>
#include <string>

#include "json/json_tokens.h"

namespace sluice::fhir {
namespace {

/// The message of the error, empty if there is none.
std::string check(std::string_view text, std::size_t depth_max = 100) {
  JsonTokens tokens;
  if (const auto read = tokens.read(text); !read) return read.error().message;
  const auto checked = check_json_object(tokens, depth_max);
  return checked ? "" : checked.error().message;
}

TEST(JsonCheck, AcceptsWhatTheStandardAllows) {
  for (const char* text : {
           R"({})",
           R"( { } )",
           "\t{\r\n}\n",
           R"({"":""})",
           R"({"a":[],"b":{},"c":[[],{}]})",
           R"({"a":0,"b":-0,"c":-1,"d":10,"e":0.5,"f":-1.50e+10,"g":1E-3,"h":0e0})",
           R"({"a":123456789012345678901234567890.123456789012345678901234567890})",
           R"({"a":1e999999})",
           R"({"a":true,"b":false,"c":null})",
           R"({"a" : 1 , "b" : [ 1 , 2 ] })",
           R"({"a":"\"\\\/\b\f\n\r\t\u0000\uABCD\uabcd\uD83D\uDE00"})",
           "{\"a\":\"\x7F\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\xEF\xBF\xBF\"}",
           R"({"a":"{}[]:,"})",
           R"({"a":"\\"})",
           R"({"a":1,"a":2})",
       }) {
    EXPECT_EQ(check(text), "") << text;
  }
}

TEST(JsonCheck, RefusesWhatItDoesNotAllow) {
  for (const char* text : {
           R"({)",
           R"(})",
           R"({"a")",
           R"({"a":)",
           R"({"a":1)",
           R"({"a":1,)",
           R"({"a":1,})",
           R"({,"a":1})",
           R"({"a":1,,"b":2})",
           R"({"a" 1})",
           R"({"a"::1})",
           R"({"a":1 "b":2})",
           R"({"a":1:2})",
           R"({a:1})",
           R"({'a':1})",
           R"({1:1})",
           R"({"a":[1,]})",
           R"({"a":[,1]})",
           R"({"a":[1 2]})",
           R"({"a":[1}})",
           R"({"a":{]})",
           R"({"a":["b":1]})",
           R"({"a":01})",
           R"({"a":-})",
           R"({"a":+1})",
           R"({"a":.5})",
           R"({"a":1.})",
           R"({"a":1.e5})",
           R"({"a":1e})",
           R"({"a":1e+})",
           R"({"a":0x1})",
           R"({"a":1_000})",
           R"({"a":1"b":2})",
           R"({"a":"b"c})",
           R"({"a":"b"1})",
           R"({"a":"b""c"})",
           R"({"a":NaN})",
           R"({"a":Infinity})",
           R"({"a":True})",
           R"({"a":tru})",
           R"({"a":truee})",
           R"({"a":nul})",
           R"({"a":true false})",
           R"({"a":"\x"})",
           R"({"a":"\u12"})",
           R"({"a":"\u12G4"})",
           R"({"a":"\uD83D"})",
           R"({"a":"\uD83D\n"})",
           R"({"a":"\uD83D\u0041"})",
           R"({"a":"\uDE00"})",
           R"({"\x":1})",
           R"({\"a\":1})",
           R"({"a":1}/)",
           R"(/**/{"a":1})",
           "{\"a\":\"\x01\"}",
           "{\"a\":\"\n\"}",
           "{\"a\":\"\t\"}",
           "{\"a\":\xC2\xA0 1}",
           "{\"a\":\f1}",
           "{\"a\":1}\v",
       }) {
    EXPECT_NE(check(text), "") << text;
  }
  EXPECT_NE(check(std::string_view("{\"a\":\0 1}", 9)), "");
  EXPECT_NE(check(std::string_view("{\"a\":1}\0", 8)), "");
}

TEST(JsonCheck, RefusesBytesThatAreNotUtf8) {
  EXPECT_EQ(check("{\"a\":\"\xFF\"}"), "not valid UTF-8 at byte 6");
  EXPECT_EQ(check("{\"a\":\"ok\xC3\"}"), "not valid UTF-8 at byte 8");
  EXPECT_EQ(check("{\"a\":\"\xC0\x80\"}"), "not valid UTF-8 at byte 6");
  EXPECT_EQ(check("{\"a\":\"\xED\xA0\x80\"}"), "not valid UTF-8 at byte 6");
  EXPECT_EQ(check("{\"a\":\"\xF4\x90\x80\x80\"}"), "not valid UTF-8 at byte 6");
  EXPECT_EQ(check("{\"a\":\"\xE2\x82\"}"), "not valid UTF-8 at byte 6");
}

TEST(JsonCheck, SaysWhere) {
  EXPECT_EQ(check(""), "not JSON: nothing but white space");
  EXPECT_EQ(check(" \n "), "not JSON: nothing but white space");
  EXPECT_EQ(check("[1]"), "not a JSON object");
  EXPECT_EQ(check("\"a\""), "not a JSON object");
  EXPECT_EQ(check(R"({"a":1} {})"), "there is something after the object at byte 8");
  EXPECT_EQ(check(R"({"a":1}x)"), "there is something after the object at byte 7");
  EXPECT_EQ(check(R"({"a":"b)"), "not JSON: the string at byte 5 has no end");
  EXPECT_EQ(check("{\"a\":\"b\nc\"}"), "not JSON: a control character in a string at byte 7");
  EXPECT_EQ(check(R"({"a":"b\q"})"), "not JSON: a bad escape at byte 7");
  EXPECT_EQ(check(R"({"a":1,})"), "not JSON: a key is missing at byte 7");
  EXPECT_EQ(check(R"({"a" 1})"), "not JSON: a colon is missing at byte 5");
  EXPECT_EQ(check(R"({"a":1 "b":2})"),
            "not JSON: a comma or a closing bracket is missing at byte 7");
  EXPECT_EQ(check(R"({"a":)"), "not JSON: a value is missing at byte 5");
  EXPECT_EQ(check(R"({"a":01})"),
            "not JSON: something that is neither a number nor a literal at byte 5");
}

TEST(JsonCheck, CountsLevels) {
  const auto nested = [](std::size_t arrays) {
    return "{\"a\":" + std::string(arrays, '[') + std::string(arrays, ']') + "}";
  };
  EXPECT_EQ(check(nested(99)), "");
  EXPECT_EQ(check(nested(100)), "nested more than 100 levels deep at byte 104");
  EXPECT_EQ(check(nested(1000000)), "nested more than 100 levels deep at byte 104");
  EXPECT_EQ(check(R"({"a":{"b":{}}})", 3), "");
  EXPECT_EQ(check(R"({"a":{"b":{}}})", 2), "nested more than 2 levels deep at byte 10");
}

TEST(JsonCheck, OneTokensHolderReadsTextsOfAnySize) {
  JsonTokens tokens;
  for (const std::size_t size : {10u, 100000u, 20u, 20000000u, 30u, 17000000u}) {
    const std::string text = "{\"a\":\"" + std::string(size, 'x') + "\"}";
    ASSERT_TRUE(tokens.read(text));
    EXPECT_TRUE(check_json_object(tokens, 1));
    EXPECT_EQ(tokens.raw_string(3).size(), size);
  }
}

TEST(JsonCheck, ResolvesEscapes) {
  EXPECT_EQ(unescape("plain"), "plain");
  EXPECT_EQ(unescape(R"(\"\\\/\b\f\n\r\t)"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(unescape(R"(a\u00e4\u20AC\uD83D\uDE00z)"), "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z");
  EXPECT_EQ(unescape(R"(\u0000)"), std::string(1, '\0'));
  EXPECT_EQ(unescape(R"(\n\q\n)"), "\n\\q\\n");
  EXPECT_TRUE(means(R"(Patient\/1)", "Patient/1"));
  EXPECT_TRUE(means("id", "id"));
  EXPECT_FALSE(means(R"(\u0069e)", "id"));
  EXPECT_FALSE(means("ids", "id"));
  // The longest and the shortest that a text can be.
  EXPECT_TRUE(means(R"(\u0069\u0064)", "id"));
  EXPECT_TRUE(means(R"(\ud83d\ude00)", "😀"));
  EXPECT_TRUE(means("", ""));
  EXPECT_FALSE(means("", "i"));
  EXPECT_FALSE(means("i", ""));
  EXPECT_FALSE(means(R"(\u0069\u0064s)", "id"));
}

// Another parser is the judge: small mutations of a text are accepted by both or by neither.
TEST(JsonCheck, AgreesWithAnotherParserOnMutations) {
  const std::string seed =
      R"({"a":[1,-2.5e3,"x\"\u00e4\\",true,false,null,{}],"b":{"c":"d","e":[[],[{}]]} , "f":0})";
  std::mt19937 random(20261123);
  constexpr std::string_view kBytes = "{}[]:,\"\\ 019-+.eEtfnua\n\x01/";
  std::size_t accepted = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string text = seed;
    for (int edits = 1 + static_cast<int>(random() % 2); edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      const char byte = kBytes[random() % kBytes.size()];
      switch (random() % 3) {
        case 0:
          text[at] = byte;
          break;
        case 1:
          text.insert(at, 1, byte);
          break;
        default:
          text.erase(at, 1 + random() % 3);
      }
    }
    boost::json::error_code failure;
    const boost::json::value value = boost::json::parse(text, failure);
    const bool is_valid = !failure && value.is_object();
    accepted += is_valid;
    ASSERT_EQ(check(text).empty(), is_valid) << text;
  }
  EXPECT_GT(accepted, 10000u);
}

}  // namespace
}  // namespace sluice::fhir
