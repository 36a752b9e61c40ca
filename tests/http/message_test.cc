// Headers, percent-encoding, queries and request targets.
#include "http/message.h"

#include <gtest/gtest.h>

#include "http/target.h"
#include "http/text.h"

namespace sluice::http {
namespace {

using Segments = std::vector<std::string>;

TEST(Headers, AreFoundWithoutRegardToCaseAndJoined) {
  Headers headers;
  headers.add("Accept", "a/b");
  headers.add("ACCEPT", "c/d");
  EXPECT_EQ(headers.get("accept"), "a/b");
  EXPECT_EQ(headers.combined("Accept"), "a/b, c/d");
  EXPECT_EQ(headers.count("accept"), 2u);
  headers.set("aCCept", "e/f");
  EXPECT_EQ(headers.combined("Accept"), "e/f");
  EXPECT_EQ(headers.all().size(), 1u);
  EXPECT_FALSE(headers.get("Missing"));
  EXPECT_EQ(headers.combined("Missing"), "");
}

TEST(PercentDecode, DecodesOnceAndTreatsPlusByPlace) {
  EXPECT_EQ(*percent_decode("%24export", false), "$export");
  EXPECT_EQ(*percent_decode("a+b", false), "a+b");
  EXPECT_EQ(*percent_decode("a+b%2Bc", true), "a b+c");
  EXPECT_EQ(*percent_decode("%2524", true), "%24");
  EXPECT_EQ(*percent_decode("%c3%A9", true), "\xc3\xa9");
  EXPECT_EQ(*percent_decode("", true), "");
}

TEST(PercentDecode, RefusesBrokenEscapesAndNul) {
  for (const char* text : {"%", "%2", "%2g", "%g2", "a%", "%%20", "%00", "a%00b", "% 0", "%+1"})
    EXPECT_FALSE(percent_decode(text, true)) << text;
  EXPECT_FALSE(percent_decode(std::string_view("a\0b", 3), true));
  // nothing else would be valid in an answer or a document.
  for (const char* text : {"%ff", "a%c3", "%c3a", "%ed%a0%80", "\xff"})
    EXPECT_FALSE(percent_decode(text, true)) << text;
}

TEST(ParseQuery, KeepsOrderRepetitionsAndEmptyValues) {
  const auto query = parse_query("_type=Patient,Observation&a=1&a=2&flag&empty=&&x%3Dy=a=b");
  ASSERT_TRUE(query);
  const NameValues expected = {{"_type", "Patient,Observation"},
                               {"a", "1"},
                               {"a", "2"},
                               {"flag", ""},
                               {"empty", ""},
                               {"x=y", "a=b"}};
  EXPECT_EQ(*query, expected);
  //
  std::string many = "a";
  for (std::size_t i = 1; i < kParametersMax; ++i) many += "&a";
  EXPECT_EQ(parse_query(many)->size(), 200'000u);
  EXPECT_EQ(parse_query(many + "&a").error().kind, ErrorKind::kTooLarge);
  EXPECT_TRUE(parse_query("")->empty());
  EXPECT_FALSE(parse_query("a=%zz"));
  EXPECT_FALSE(parse_query("%=1"));
}

TEST(SplitPath, DecodesEachSegmentByItself) {
  EXPECT_EQ(*split_path("/fhir/%24export"), (Segments{"fhir", "$export"}));
  EXPECT_EQ(*split_path("/a%2Fb/c+d"), (Segments{"a/b", "c+d"}));
  EXPECT_EQ(*split_path("/"), (Segments{""}));
  EXPECT_EQ(*split_path("/x/"), (Segments{"x", ""}));
  EXPECT_EQ(*split_path("//x"), (Segments{"", "x"}));
  EXPECT_EQ(*split_path("/..."), (Segments{"..."}));
}

TEST(SplitPath, RefusesClimbingAndNul) {
  for (const char* path :
       {"/..", "/a/../b", "/%2e%2e", "/%2E./x", "/a/.%2e", "/%00", "/%", "x", ""})
    EXPECT_FALSE(split_path(path)) << path;
}

TEST(ParseTarget, TakesOriginAndAbsoluteForm) {
  const auto origin = parse_target("GET", "/fhir/Patient?_id=a%20b&x=1+2");
  ASSERT_TRUE(origin);
  EXPECT_EQ(origin->path, "/fhir/Patient");
  EXPECT_EQ(origin->raw_query, "_id=a%20b&x=1+2");
  EXPECT_EQ(origin->query, (NameValues{{"_id", "a b"}, {"x", "1 2"}}));
  EXPECT_EQ(origin->scheme, "");

  const auto absolute = parse_target("GET", "HTTP://example.org:8080?x");
  ASSERT_TRUE(absolute);
  EXPECT_EQ(absolute->scheme, "http");
  EXPECT_EQ(absolute->authority, "example.org:8080");
  EXPECT_EQ(absolute->path, "/");
  EXPECT_EQ(absolute->raw_query, "x");
  EXPECT_EQ(parse_target("GET", "https://[::1]/a/b")->path, "/a/b");
}

TEST(ParseTarget, TakesFhirTokensWithUnescapedBar) {
  EXPECT_EQ(parse_target("GET", "/Observation?code=http://loinc.org|1234-5")->query,
            (NameValues{{"code", "http://loinc.org|1234-5"}}));
}

TEST(ParseTarget, RefusesEverythingElse) {
  EXPECT_TRUE(parse_target("OPTIONS", "*"));
  for (const char* target : {"*", "", "fhir", "?x", "ftp://a/b", "http://", "http:///x",
                             "http://user@host/", "example.org:443", "/a#b", "/a\tb", "/\xc3\xa9"})
    EXPECT_FALSE(parse_target("GET", target)) << target;
}

TEST(IsValidHost, TakesNamesAddressesAndPorts) {
  for (const char* host : {"a", "example.org", "example.org:80", "127.0.0.1:1", "[::1]",
                           "[2001:db8::1]:443", "a_b", "a:"})
    EXPECT_TRUE(is_valid_host(host)) << host;
  for (const char* host : {"", ":80", "a b", "a/b", "a@b", "a\"b", "a:b", "a:123456", "[::1", "[]",
                           "[::1]x", "a:80:80", "<a>", "a\\b"})
    EXPECT_FALSE(is_valid_host(host)) << host;
}

TEST(SplitList, KeepsQuotedCommasAndDropsEmptyElements) {
  EXPECT_EQ(split_list(" a ,, \"b,c\" ,"), (std::vector<std::string_view>{"a", "\"b,c\""}));
  EXPECT_TRUE(split_list(" , ").empty());
}

TEST(Request, FindsItsPathParameters) {
  Request request;
  request.path_parameters = {{"id", "7"}};
  EXPECT_EQ(request.parameter("id"), "7");
  EXPECT_EQ(request.parameter("other"), "");
}

}  // namespace
}  // namespace sluice::http
