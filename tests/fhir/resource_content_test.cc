// F-05: what is stored of a resource, and the line that is exported of it.
#include <gtest/gtest.h>

#include "fhir/resource_reader.h"
#include "token_offsets.h"

namespace sluice::fhir {
namespace {

constexpr Instant kInstant{1795428930125};  // 2026-11-23T10:15:30.125Z

struct Written {
  std::string content;
  std::string line;
};

Written written(std::string_view json, std::string_view id_if_missing = "given") {
  const auto resource = ResourceReader().read(json, id_if_missing);
  if (!resource) {
    ADD_FAILURE() << resource.error().message << ": " << json;
    return {};
  }
  Written out{resource->content, "before|"};
  append_with_meta(out.line, *resource, 7, kInstant);
  EXPECT_TRUE(out.line.starts_with("before|"));
  out.line.erase(0, 7);
  EXPECT_LE(out.line.size(), out.content.size() + 96);
  // The tokens moved with their text: they are what would be found in it.
  EXPECT_EQ(resource->token_offsets, token_offsets(out.content)) << json;
  const StoredText stored = with_meta(*resource, 7, kInstant);
  EXPECT_EQ(stored.json, out.line);
  EXPECT_EQ(stored.token_offsets, token_offsets(out.line)) << json;
  return out;
}

#define EXPECT_WRITTEN(json, expected_content, expected_line) \
  do {                                                        \
    const Written out = written(json);                        \
    EXPECT_EQ(out.content, expected_content);                 \
    EXPECT_EQ(out.line, expected_line);                       \
  } while (false)

TEST(ResourceContent, WithoutMetaItComesAfterTheId) {
  EXPECT_WRITTEN(
      R"({"resourceType":"Basic","id":"1","code":{}})",
      R"({"resourceType":"Basic","id":"1","code":{}})",
      R"({"resourceType":"Basic","id":"1","meta":{"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z"},"code":{}})");
  EXPECT_WRITTEN(
      R"({"id":"1","resourceType":"Basic"})", R"({"id":"1","resourceType":"Basic"})",
      R"({"id":"1","meta":{"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z"},"resourceType":"Basic"})");
  EXPECT_WRITTEN(
      R"({"resourceType":"Basic","id":"1"})", R"({"resourceType":"Basic","id":"1"})",
      R"({"resourceType":"Basic","id":"1","meta":{"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z"}})");
}

TEST(ResourceContent, AnEmptyMetaIsFilled) {
  EXPECT_WRITTEN(
      R"({"resourceType":"Basic","id":"1","meta":{}})",
      R"({"resourceType":"Basic","id":"1","meta":{}})",
      R"({"resourceType":"Basic","id":"1","meta":{"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z"}})");
}

TEST(ResourceContent, AMetaWithOnlyWhatWeReplaceBecomesEmpty) {
  for (const char* meta :
       {R"({"versionId":"3"})", R"({"lastUpdated":"2020-01-01T00:00:00Z"})",
        R"({"versionId":"3","lastUpdated":"2020-01-01T00:00:00Z"})",
        R"({"lastUpdated":"2020-01-01T00:00:00Z","versionId":"3"})",
        R"({"_versionId":{"extension":[{"url":"x"}]},"versionId":"3","_lastUpdated":{"id":"a"}})",
        R"({"\u0076ersionId":"3"})", R"({"versionId":null})"}) {
    EXPECT_WRITTEN(
        std::string(R"({"meta":)") + meta + R"(,"resourceType":"Basic","id":"1"})",
        R"({"meta":{},"resourceType":"Basic","id":"1"})",
        R"({"meta":{"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z"},"resourceType":"Basic","id":"1"})");
  }
}

TEST(ResourceContent, OtherMembersOfMetaStay) {
  for (
      const char* meta : {
          R"({"profile":["p"],"tag":[{"code":"t"}]})",
          R"({"versionId":"3","profile":["p"],"tag":[{"code":"t"}]})",
          R"({"profile":["p"],"lastUpdated":"2020-01-01T00:00:00Z","tag":[{"code":"t"}]})",
          R"({"profile":["p"],"tag":[{"code":"t"}],"versionId":"3"})",
          R"({"profile":["p"],"tag":[{"code":"t"}],"versionId":"3","lastUpdated":"x"})",
          R"({"versionId":"3","profile":["p"],"lastUpdated":"x","tag":[{"code":"t"}],"_versionId":{"id":"x"},"_lastUpdated":{"extension":[{},[]]}})",
          R"({"versionId":"3","lastUpdated":"x","_versionId":{},"_lastUpdated":[],"profile":["p"],"tag":[{"code":"t"}]})",
      }) {
    EXPECT_WRITTEN(
        std::string(R"({"resourceType":"Basic","meta":)") + meta + R"(,"id":"1"})",
        R"({"resourceType":"Basic","meta":{"profile":["p"],"tag":[{"code":"t"}]},"id":"1"})",
        R"({"resourceType":"Basic","meta":{"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z","profile":["p"],"tag":[{"code":"t"}]},"id":"1"})");
  }
}

TEST(ResourceContent, OnlyTheRootsMetaIsTouched) {
  EXPECT_WRITTEN(
      R"({"resourceType":"Bundle","id":"1","meta":{"source":"s"},"entry":[{"resource":{"meta":{"versionId":"3"}}}],"versionId":"9"})",
      R"({"resourceType":"Bundle","id":"1","meta":{"source":"s"},"entry":[{"resource":{"meta":{"versionId":"3"}}}],"versionId":"9"})",
      R"({"resourceType":"Bundle","id":"1","meta":{"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z","source":"s"},"entry":[{"resource":{"meta":{"versionId":"3"}}}],"versionId":"9"})");
  EXPECT_WRITTEN(
      R"({"resourceType":"Basic","id":"1","meta":{"extension":[{"lastUpdated":"x"}]}})",
      R"({"resourceType":"Basic","id":"1","meta":{"extension":[{"lastUpdated":"x"}]}})",
      R"({"resourceType":"Basic","id":"1","meta":{"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z","extension":[{"lastUpdated":"x"}]}})");
}

TEST(ResourceContent, AMissingIdIsPutAfterTheType) {
  EXPECT_WRITTEN(
      R"({"resourceType":"Basic","code":{}})", R"({"resourceType":"Basic","id":"given","code":{}})",
      R"({"resourceType":"Basic","id":"given","meta":{"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z"},"code":{}})");
  EXPECT_WRITTEN(
      R"({"code":{},"resourceType":"Basic"})", R"({"code":{},"resourceType":"Basic","id":"given"})",
      R"({"code":{},"resourceType":"Basic","id":"given","meta":{"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z"}})");
  EXPECT_WRITTEN(
      R"({"meta":{"versionId":"1"},"resourceType":"Basic"})",
      R"({"meta":{},"resourceType":"Basic","id":"given"})",
      R"({"meta":{"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z"},"resourceType":"Basic","id":"given"})");
}

// F-05: numbers keep their digits.
TEST(ResourceContent, KeepsEveryDigitOfANumber) {
  const std::string json =
      R"({"resourceType":"Observation","id":"1","valueQuantity":{"value":1.50},"x":[1e2,1E+02,-0,0.10,100000000000000000000000000000000001.000,1e-400,3.141592653589793238462643383279]})";
  EXPECT_EQ(written(json).content, json);
}

TEST(ResourceContent, KeepsTheSourcesBytes) {
  const std::string json =
      "{ \"resourceType\" : \"Basic\" ,\t\"id\":\"1\" , \"a\" : [ 1 , 2 ] , \"b\":\"\\u00e4 \\/ "
      "\xC3\xA4\\n  x\" , \"a\\u0062\":{ } }";
  EXPECT_EQ(written(json).content, json);
  EXPECT_EQ(written("  \t" + json + " \t ").content, json);
}

TEST(ResourceContent, RemovesLineBreaksWithTheWhiteSpaceAroundThem) {
  EXPECT_WRITTEN(
      "\n{\n  \"resourceType\": \"Basic\",\r\n  \"id\" : \"1\" \n ,\n\n\t\"a\": [\n    1.50,\n    "
      "2 ,3\n  ],\"b\": {\n  },\r\"c\": \"x  y\\n\"\n}\n\n",
      R"({"resourceType": "Basic","id" : "1","a": [1.50,2 ,3],"b": {},"c": "x  y\n"})",
      R"({"resourceType": "Basic","id" : "1","meta":{"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z"},"a": [1.50,2 ,3],"b": {},"c": "x  y\n"})");
}

TEST(ResourceContent, MetaOverSeveralLines) {
  EXPECT_WRITTEN(
      "{\n  \"resourceType\": \"Basic\",\n  \"id\": \"1\",\n  \"meta\": {\n    \"versionId\": "
      "\"3\",\n    \"profile\": [\n      \"p\"\n    ],\n    \"lastUpdated\": \"x\"\n  }\n}",
      R"({"resourceType": "Basic","id": "1","meta": {"profile": ["p"]}})",
      R"({"resourceType": "Basic","id": "1","meta": {"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z","profile": ["p"]}})");
  EXPECT_WRITTEN(
      "{\"resourceType\": \"Basic\",\n\"meta\": {\n    \"versionId\": \"3\"\n  }\n}",
      R"({"resourceType": "Basic","id":"given","meta": {}})",
      R"({"resourceType": "Basic","id":"given","meta": {"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z"}})");
}

TEST(ResourceContent, WhiteSpaceAroundRemovedMembersStaysJson) {
  EXPECT_WRITTEN(
      R"({"resourceType":"Basic","id":"1","meta":{ "versionId" : "3" , "profile" : [ "p" ] , "lastUpdated" : "x" } })",
      R"({"resourceType":"Basic","id":"1","meta":{  "profile" : [ "p" ]  } })",
      R"({"resourceType":"Basic","id":"1","meta":{"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z",  "profile" : [ "p" ]  } })");
  EXPECT_WRITTEN(
      R"({"resourceType":"Basic","id":"1" , "meta" : { } })",
      R"({"resourceType":"Basic","id":"1" , "meta" : { } })",
      R"({"resourceType":"Basic","id":"1" , "meta" : {"versionId":"7","lastUpdated":"2026-11-23T10:15:30.125Z" } })");
}

TEST(ResourceContent, ReadingAnExportedLineGivesTheSameContent) {
  for (const char* json :
       {R"({"resourceType":"Basic","id":"1","meta":{"profile":["p"]}})",
        R"({"resourceType":"Basic","id":"1","meta":{}})",
        R"({"meta":{"tag":[],"security":[]},"resourceType":"Basic","id":"1"})"}) {
    const Written first = written(json);
    EXPECT_EQ(written(first.line).content, first.content);
    EXPECT_EQ(written(first.line).line, first.line);
  }
}

TEST(ResourceContent, TheLargestVersionFits) {
  const auto resource = ResourceReader().read(R"({"resourceType":"Basic","id":"1"})");
  std::string line;
  append_with_meta(line, *resource, 4294967295u, Instant{253402300799999});
  EXPECT_EQ(
      line,
      R"({"resourceType":"Basic","id":"1","meta":{"versionId":"4294967295","lastUpdated":"9999-12-31T23:59:59.999Z"}})");
  EXPECT_LE(line.size(), resource->content.size() + 96);
}

}  // namespace
}  // namespace sluice::fhir
