// Tokens, references and uris (Q-01, Q-04, Q-06), by the examples of FHIR's search page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "searching.h"

namespace sluice::search {
namespace {

constexpr std::string_view kCondition = R"({"resourceType":"Condition","id":"c1",
  "meta":{"lastUpdated":"2024-05-01T10:00:00.000Z","profile":["http://p.example/a|2.0"],
          "tag":[{"system":"http://t.example","code":"x"}],"source":"http://s.example/1"},
  "code":{"coding":[{"system":"http://acme.org/conditions/codes","code":"ha125","display":"Headache, acute"},
                    {"code":"plain,comma"},{"system":"http://snomed.info/sct","code":"1|2$3"}],
          "text":"Severe  Headache"},
  "subject":{"reference":"Patient/p1"},
  "asserter":{"reference":"https://sluice.example/fhir/Practitioner/d1/_history/3"},
  "encounter":{"identifier":{"system":"http://e.example","value":"77"}},
  "identifier":[{"system":"http://i.example","value":"A-1","type":{"text":"Case number"}},{"value":"B-2"}]})";

TEST(Token, ACodeMatchesWhateverItsSystem_Q04) {
  EXPECT_EQ(search("Condition?code=ha125", kCondition), "match");
  EXPECT_EQ(search("Condition?code=ha126", kCondition), "no match");
  EXPECT_EQ(search("Condition?code=HA125", kCondition), "no match") << "codes have case";
}

TEST(Token, SystemAndCodeMustBeOfOneCoding_Q04) {
  EXPECT_EQ(search("Condition?code=http://acme.org/conditions/codes|ha125", kCondition), "match");
  EXPECT_EQ(search("Condition?code=http://snomed.info/sct|ha125", kCondition), "no match");
  EXPECT_EQ(search("Condition?code=|ha125", kCondition), "no match") << "it has a system";
  EXPECT_EQ(search("Condition?identifier=|B-2", kCondition), "match");
  EXPECT_EQ(search("Condition?identifier=|A-1", kCondition), "no match");
  EXPECT_EQ(search("Condition?code=http://snomed.info/sct|", kCondition), "match");
  EXPECT_EQ(search("Condition?code=http://loinc.org|", kCondition), "no match");
}

TEST(Token, ACommaIsOrAndARepeatedParameterIsAnd) {
  EXPECT_EQ(search("Condition?code=none,ha125", kCondition), "match");
  EXPECT_EQ(search("Condition?code=none&code=ha125", kCondition), "no match");
  EXPECT_EQ(search("Condition?code=1%5C%7C2%5C%243&code=ha125", kCondition), "match");
}

TEST(Token, EscapedSeparatorsArePartOfTheValue_Q04) {
  EXPECT_EQ(search("Condition?code=plain%5C,comma", kCondition), "match");
  EXPECT_EQ(search("Condition?code=plain,comma", kCondition), "no match");
  EXPECT_EQ(search("Condition?code=http://snomed.info/sct|1%5C|2%5C$3", kCondition), "match");
}

TEST(Token, TextLooksAtTextAndDisplay_Q04) {
  EXPECT_EQ(search("Condition?code:text=headache", kCondition), "match") << "of a display";
  EXPECT_EQ(search("Condition?code:text=severe headache", kCondition), "match");
  EXPECT_EQ(search("Condition?code:text=ache", kCondition), "no match");
  EXPECT_EQ(search("Condition?identifier:text=case", kCondition), "match");
}

TEST(Token, NotIsOfTheSetAndTakesWhatHasNoValue_Q04) {
  EXPECT_EQ(search("Condition?code:not=ha125", kCondition), "no match")
      << "another code of it differs, but the set has it";
  EXPECT_EQ(search("Condition?code:not=other", kCondition), "match");
  EXPECT_EQ(search("Condition?severity:not=other", kCondition), "match");
  EXPECT_EQ(search("Condition?code:not=other,ha125", kCondition), "no match");
  EXPECT_EQ(search("Patient?gender:not=male", R"({"resourceType":"Patient"})"), "match");
}

TEST(Token, MissingSaysWhetherThereIsAValue_Q04) {
  EXPECT_EQ(search("Condition?code:missing=false", kCondition), "match");
  EXPECT_EQ(search("Condition?code:missing=true", kCondition), "no match");
  EXPECT_EQ(search("Condition?severity:missing=true", kCondition), "match");
  EXPECT_EQ(search("Condition?patient:missing=true",
                   R"({"resourceType":"Condition","subject":{"reference":"Group/g"}})"),
            "match");
}

TEST(Token, PlainElementsAreCompared) {
  constexpr std::string_view patient =
      R"({"resourceType":"Patient","id":"P-1","active":true,"gender":"male",
          "telecom":[{"system":"phone","value":"555"},{"system":"email","value":"a@b.example"}],
          "deceasedDateTime":"2001"})";
  EXPECT_EQ(search("Patient?gender=male", patient), "match");
  EXPECT_EQ(search("Patient?gender=mal", patient), "no match");
  EXPECT_EQ(search("Patient?active=true", patient), "match");
  EXPECT_EQ(search("Patient?active=false", patient), "no match");
  EXPECT_EQ(search("Patient?_id=P-1", patient), "match");
  EXPECT_EQ(search("Patient?_id=p-1", patient), "no match") << "ids have case";
  EXPECT_EQ(search("Patient?email=a@b.example", patient), "match");
  EXPECT_EQ(search("Patient?phone=a@b.example", patient), "no match");
  EXPECT_EQ(search("Patient?telecom=555", patient), "match");
  EXPECT_EQ(search("Patient?deceased=true", patient), "match");
  EXPECT_EQ(search("Patient?deceased=false", patient), "no match");
  EXPECT_EQ(search("Patient?deceased=false", R"({"resourceType":"Patient"})"), "match");
  EXPECT_EQ(search("Patient?deceased=true", R"({"deceasedBoolean":false})"), "no match");
  EXPECT_EQ(search("Patient?deceased=false", R"({"deceasedBoolean":false})"), "match");
}

TEST(Token, WhatAnElementCannotHaveIsRefused) {
  EXPECT_THAT(refusal("Patient?active=yes"), testing::HasSubstr("'yes' is neither true nor false"));
  EXPECT_THAT(refusal("Patient?phone=a|b"), testing::HasSubstr("'a|b' has a '|'"));
  EXPECT_THAT(refusal("Patient?gender=http://x.example|male"),
              testing::HasSubstr("names a system"));
  EXPECT_THAT(refusal("Condition?code=|"), testing::HasSubstr("neither a system nor a code"));
  EXPECT_THAT(refusal("Condition?code=a|b|c"), testing::HasSubstr("more than one '|'"));
  EXPECT_THAT(refusal("Condition?code=a,,b"), testing::HasSubstr("empty value"));
}

TEST(Reference, EveryFormFindsIt_Q06) {
  for (const std::string_view value :
       {"Patient/p1", "p1", "https://sluice.example/fhir/Patient/p1"}) {
    EXPECT_EQ(search("Condition?subject=" + std::string(value), kCondition), "match") << value;
    EXPECT_EQ(search("Condition?patient=" + std::string(value), kCondition), "match") << value;
  }
  for (const std::string_view value : {"Practitioner/d1", "d1", "Practitioner/d1/_history/3",
                                       "https://sluice.example/fhir/Practitioner/d1"}) {
    EXPECT_EQ(search("Condition?asserter=" + std::string(value), kCondition), "match") << value;
  }
  EXPECT_EQ(search("Condition?asserter=Practitioner/d1/_history/2", kCondition), "no match");
  EXPECT_EQ(search("Condition?subject=Group/p1", kCondition), "no match");
  EXPECT_EQ(search("Condition?subject=https://other.example/fhir/Patient/p1", kCondition),
            "no match");
}

TEST(Reference, AModifierNamesTheType_Q04) {
  EXPECT_EQ(search("Condition?subject:Patient=p1", kCondition), "match");
  EXPECT_EQ(search("Condition?subject:Group=p1", kCondition), "no match");
  EXPECT_EQ(search("Condition?encounter:identifier=http://e.example|77", kCondition), "match");
  EXPECT_EQ(search("Condition?encounter:identifier=http://e.example|78", kCondition), "no match");
  EXPECT_THAT(refusal("Condition?subject:Device=p1"),
              testing::HasSubstr("does not refer to Device"));
  EXPECT_THAT(refusal("Condition?subject:Patient=Group/1"), testing::HasSubstr("another type"));
  EXPECT_THAT(refusal("Condition?subject=Patient/"), testing::HasSubstr("is not a reference"));
}

TEST(Reference, EscapesMeanWhatTheyStandFor_Q06) {
  EXPECT_EQ(
      search("Observation?patient:identifier=s|1",
             R"({"subject":{"type":"P\u0061tient","identifier":{"system":"s","value":"1"}}})"),
      "match");
  EXPECT_EQ(search("Observation?patient:identifier=s|1",
                   R"({"subject":{"type":"Gr\u006fup","identifier":{"system":"s","value":"1"}}})"),
            "no match");
  EXPECT_EQ(
      search("Bundle?composition=Composition/a-1",
             R"({"entry":[{"resource":{"resourceType":"Compos\u0069tion","id":"a\u002d1"}}]})"),
      "match");
}

TEST(Reference, AUriMatchesWhole_Q01) {
  constexpr std::string_view value_set =
      R"({"resourceType":"ValueSet","url":"http://acme.org/fhir/ValueSet/123"})";
  EXPECT_EQ(search("ValueSet?url=http://acme.org/fhir/ValueSet/123", value_set), "match");
  EXPECT_EQ(search("ValueSet?url=http://acme.org/fhir/", value_set), "no match");
  EXPECT_EQ(search("ValueSet?url=http://ACME.org/fhir/ValueSet/123", value_set), "no match");
}

TEST(Common, ParametersOfAllTypes_Q02) {
  EXPECT_EQ(search("Condition?_id=c1", kCondition), "match");
  EXPECT_EQ(search("Condition?_tag=http://t.example|x", kCondition), "match");
  EXPECT_EQ(search("Condition?_tag=http://t.example|y", kCondition), "no match");
  EXPECT_EQ(search("Condition?_source=http://s.example/1", kCondition), "match");
  EXPECT_EQ(search("Condition?_profile=http://p.example/a", kCondition), "match");
  EXPECT_EQ(search("Condition?_profile=http://p.example/a|2.0", kCondition), "match");
  EXPECT_EQ(search("Condition?_profile=http://p.example/a|1.0", kCondition), "no match");
  EXPECT_EQ(search("Condition?_security:missing=true", kCondition), "match");
  EXPECT_EQ(search("Condition?_lastUpdated=gt2024-05-01T09:59:59Z", kCondition), "match");
  EXPECT_EQ(search("Condition?_lastUpdated=2024-05-01", kCondition), "match");
  EXPECT_EQ(search("Condition?_lastUpdated=lt2024-05-01", kCondition), "no match");
}

TEST(Json, EscapesAndWhiteSpaceChangeNothing) {
  constexpr std::string_view spaced =
      "{ \"\\u0067ender\" : \"m\\u0061le\" , \"name\" : [ { \"family\" : \"O\\u2019Brien\" } ] }";
  EXPECT_EQ(search("Patient?gender=male", spaced), "match");
  EXPECT_EQ(search("Patient?family=obrien", spaced), "match");
  EXPECT_EQ(search("Patient?gender=male", "[1]"), "error: stored resource: not one JSON object");
}

}  // namespace
}  // namespace sluice::search
