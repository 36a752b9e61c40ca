// I-02: where the links of a transaction are replaced, and that nothing else changes.
#include "fhir/bundle_links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/json_check.h"
#include "token_offsets.h"

namespace sluice::fhir {
namespace {

// Replaces "urn:uuid:1" by "Patient/1", and notes the places where something was asked for.
class BundleLinks : public testing::Test {
 protected:
  std::string rewritten(std::string_view json) {
    JsonTokens tokens;
    EXPECT_TRUE(tokens.read(json));
    EXPECT_TRUE(check_json_object(tokens, 100));
    std::string out;
    std::vector<std::uint32_t> offsets;
    const auto done = rewrite_links(
        tokens, 0,
        [&](LinkPlace place, std::string_view text) -> Result<std::optional<std::string>> {
          if (text == "urn:uuid:bad") return invalid("bad link");
          if (text != "urn:uuid:1") return std::nullopt;
          places_.push_back(place);
          return "Patient/1";
        },
        out, &offsets);
    if (!done) return done.error().message;
    EXPECT_EQ(offsets, token_offsets(out));
    return out;
  }
  bool stays(std::string_view json) { return rewritten(json) == json; }

  std::vector<LinkPlace> places_;
};

TEST_F(BundleLinks, ReferencesAreReplacedWhereverTheyStand) {
  EXPECT_EQ(rewritten(R"( {"resourceType":"Observation", "valueQuantity":{"value":1.50},
    "subject":{"reference":"urn:uuid:1"},"performer":[{"reference" : "urn:uuid:1","display":"x"}],
    "contained":[{"resourceType":"Group","member":[{"entity":{"reference":"urn:uuid:1"}}]}],
    "extension":[{"url":"urn:uuid:1","valueReference":{"reference":"urn:uuid:1"}}] } )"),
            R"({"resourceType":"Observation", "valueQuantity":{"value":1.50},
    "subject":{"reference":"Patient/1"},"performer":[{"reference" : "Patient/1","display":"x"}],
    "contained":[{"resourceType":"Group","member":[{"entity":{"reference":"Patient/1"}}]}],
    "extension":[{"url":"urn:uuid:1","valueReference":{"reference":"Patient/1"}}] })");
  EXPECT_THAT(places_, testing::Each(LinkPlace::kReference));
  EXPECT_EQ(rewritten(R"({"a":{"ref\u0065rence":"urn:uuid:\u0031"},"b":"urn:uuid:1"})"),
            R"({"a":{"ref\u0065rence":"Patient/1"},"b":"urn:uuid:1"})");
  EXPECT_EQ(rewritten(R"({"a":{"reference":"urn\u003auuid\u003a1"}})"),
            R"({"a":{"reference":"Patient/1"}})");
}

TEST_F(BundleLinks, UrisAreReplacedAndTextsAndCanonicalsAreNot) {
  EXPECT_EQ(
      rewritten(
          R"({"resourceType":"DocumentReference","content":[{"attachment":{"url":"urn:uuid:1"}}]})"),
      R"({"resourceType":"DocumentReference","content":[{"attachment":{"url":"Patient/1"}}]})");
  EXPECT_EQ(rewritten(R"({"meta":{"source":"urn:uuid:1"},"instantiatesUri":["urn:uuid:1","x"]})"),
            R"({"meta":{"source":"Patient/1"},"instantiatesUri":["Patient/1","x"]})");
  EXPECT_THAT(places_, testing::Each(LinkPlace::kUri));
  EXPECT_TRUE(stays(R"({"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:1"}]})"));
  EXPECT_TRUE(
      stays(R"({"instantiatesCanonical":["urn:uuid:1"],"meta":{"profile":["urn:uuid:1"]}})"));
  EXPECT_TRUE(stays(R"({"definition":"urn:uuid:1","resourceType":"Measure"})"));
  EXPECT_TRUE(stays(
      R"({"resourceType":"Bundle","contained":[{"detail":"urn:uuid:1","resourceType":"DetectedIssue"}]})"));
}

TEST_F(BundleLinks, LinksInTheNarrativeAreReplaced) {
  EXPECT_EQ(
      rewritten(
          R"({"text":{"status":"generated","div":"<div xmlns=\"u\"><a class='x' href=\"urn:uuid:1\">urn:uuid:1</a>)"
          R"(<img alt='' src = 'urn:uuid:1'/><!-- <a href=\"urn:uuid:1\"> --><b href=\"urn:uuid:1\"/></div>"}})"),
      R"({"text":{"status":"generated","div":"<div xmlns=\"u\"><a class='x' href=\"Patient/1\">urn:uuid:1</a>)"
      R"(<img alt='' src = 'Patient/1'/><!-- <a href=\"urn:uuid:1\"> --><b href=\"urn:uuid:1\"/></div>"}})");
  EXPECT_THAT(places_, testing::ElementsAre(LinkPlace::kNarrative, LinkPlace::kNarrative));
  EXPECT_EQ(
      rewritten(R"({"text":{"div":"\u003ca\thref=\u0022urn:uuid\u003a1\u0022>\ud83d\ude00</a>"}})"),
      R"({"text":{"div":"\u003ca\thref=\u0022Patient/1\u0022>\ud83d\ude00</a>"}})");
  for (const char* broken : {"<a href", "<a href=", "<a href='urn:uuid:1", "<a href=urn:uuid:1>",
                             "<!-- <a", "<a", "<", "<a x='<a href=urn:uuid:1'"})
    EXPECT_TRUE(stays(R"({"div":")" + std::string(broken) + R"("})")) << broken;
}

TEST_F(BundleLinks, AnErrorEndsIt) {
  EXPECT_EQ(rewritten(R"({"subject":{"reference":"urn:uuid:bad"}})"), "bad link");
  EXPECT_EQ(rewritten(R"({"text":{"div":"<a href='urn:uuid:bad'/>"}})"), "bad link");
}

// R-01: what stands in a resource without a type is found out once, not for each of a million
// texts.
TEST_F(BundleLinks, ManyTextsWithoutATypeCostWhatTheirNumberIs_R01) {
  std::string json = "{";
  for (int i = 0; i < 1'000'000; ++i) json += R"("a":"x:y",)";
  json.back() = '}';
  EXPECT_TRUE(stays(json));
}

}  // namespace
}  // namespace sluice::fhir
