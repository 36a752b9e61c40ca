// Prefer, Accept and Content-Type as clients send them (K-03, K-04).
#include "api/core/request_headers.h"

#include <gtest/gtest.h>

namespace sluice::api {
namespace {

http::Request with(const std::string& name, const std::vector<std::string>& values) {
  http::Request request;
  for (const auto& value : values) request.headers.add(name, value);
  return request;
}

TEST(RequestHeaders, K03K04PreferInEverySpelling) {
  const struct {
    std::vector<std::string> values;
    bool respond_async, separate, lenient;
  } cases[] = {
      {{}, false, false, false},
      {{"respond-async"}, true, false, false},
      {{"Respond-Async"}, true, false, false},
      {{"respond-async, separate-export-status"}, true, true, false},
      {{"respond-async", "handling=lenient"}, true, false, true},
      {{"handling=\"lenient\";respond-async"}, true, false, true},
      {{" handling = LENIENT , respond-async "}, true, false, true},
      {{"handling=strict"}, false, false, false},
      {{"return=minimal, wait=10, respond-asynchronously"}, false, false, false},
      {{",;,"}, false, false, false},
  };
  for (const auto& each : cases) {
    const auto preferences = read_preferences(with("Prefer", each.values));
    ASSERT_TRUE(preferences) << ::testing::PrintToString(each.values);
    EXPECT_EQ(preferences->respond_async, each.respond_async);
    EXPECT_EQ(preferences->separate_export_status, each.separate);
    EXPECT_EQ(preferences->handling_lenient, each.lenient) << ::testing::PrintToString(each.values);
  }
}

TEST(RequestHeaders, AHandlingThatIsNeitherIsRefusedByName) {
  const auto preferences = read_preferences(with("Prefer", {"handling=relaxed"}));
  ASSERT_FALSE(preferences);
  EXPECT_EQ(preferences.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(preferences.error().message.find("relaxed"), std::string::npos);
}

TEST(RequestHeaders, K03AcceptThatAllowsFhirJson) {
  for (const char* accept : {"application/fhir+json", "application/json", "*/*", "application/*",
                             "APPLICATION/FHIR+JSON", "text/html, application/fhir+json;q=0.9",
                             "application/fhir+json; fhirVersion=4.0", ""})
    EXPECT_TRUE(accepts_fhir_json(with("Accept", {accept}))) << accept;
  EXPECT_TRUE(accepts_fhir_json({}));
  for (const char* accept :
       {"text/html", "application/fhir+xml", "application/fhir+ndjson", "json"})
    EXPECT_FALSE(accepts_fhir_json(with("Accept", {accept}))) << accept;
}

// what is read may be stored or sent back.
TEST(RequestHeaders, R03HeadersThatAreReadAreUtf8) {
  for (const char* name : {"Prefer", "prefer", "ACCEPT", "If-None-Exist", "X-Security-Context"}) {
    const auto checked = check_header_text(with(name, {"a\xff"}));
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().kind, ErrorKind::kInvalid);
    EXPECT_TRUE(check_header_text(with(name, {"a\u00fc"}))) << name;
  }
  EXPECT_EQ(check_header_text(with("prefer", {"\xff"})).error().message,
            "the header Prefer is not valid UTF-8");
  EXPECT_TRUE(check_header_text(with("User-Agent", {"M\xfcller/1.0"})))
      << "nobody reads it, and foreign clients send what they like";
}

TEST(RequestHeaders, ContentTypeWithoutItsParameters) {
  EXPECT_EQ(content_type(with("Content-Type", {"Application/FHIR+json; charset=utf-8"})),
            "application/fhir+json");
  EXPECT_EQ(content_type({}), "");
}

}  // namespace
}  // namespace sluice::api
