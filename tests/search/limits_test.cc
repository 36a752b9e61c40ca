// R-01: what a query may ask for is bounded, and long lists of ids and codes cost a look-up each
// resource, whatever their length: counted in comparisons, not in time.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/query_set.h"
#include "searching.h"

namespace sluice::search {
namespace {

using testing::HasSubstr;

/// "p0,p1,...".
std::string list(std::string_view prefix, std::size_t count) {
  std::string values;
  for (std::size_t i = 0; i < count; ++i)
    values += fmt::format("{}{}{}", i == 0 ? "" : ",", prefix, i);
  return values;
}

TEST(QueryLimits, ValuesOfAQueryAreCountedTogether_R01) {
  EXPECT_EQ(refusal("Patient?_id=" + list("p", 20'000)), "compiled");
  EXPECT_EQ(refusal("Patient?_id=" + list("p", 20'001)),
            "the search parameter '_id' of Patient has more than 20000 values");
  EXPECT_EQ(refusal("Observation?_id=" + list("p", 10'000) + "&code=" + list("c", 10'001)),
            "a query has more than 20000 values");
  // A list with nothing but commas is refused before it is taken apart.
  EXPECT_THAT(refusal("Patient?_id=" + std::string(32u << 20, ',')), HasSubstr("20000 values"));
}

TEST(QueryLimits, ValuesThatAreComparedOneByOneAreFewer_R01) {
  EXPECT_EQ(refusal("Patient?name=" + list("n", 1'000)), "compiled");
  const std::string too_many =
      "a query has more than 1000 values that are no ids, codes or references";
  EXPECT_EQ(refusal("Patient?name=" + list("n", 1'001)), too_many);
  EXPECT_EQ(refusal("Observation?code=" + list("http://s|", 2'000)), "compiled");
  std::string systems;
  for (int i = 0; i < 1'001; ++i) systems += fmt::format("{}http://s{}|", i == 0 ? "" : ",", i);
  EXPECT_EQ(refusal("Observation?code=" + systems), too_many);
  EXPECT_EQ(refusal("Observation?subject=" + list("Patient/", 20'000)), "compiled");
}

// A search through a large text takes tens of milliseconds at worst.
TEST(QueryLimits, ValuesThatAreLookedForAnywhereInATextCountTenTimes_R01) {
  for (const std::string parameter : {"Patient?name:contains=", "Patient?phonetic="}) {
    EXPECT_EQ(refusal(parameter + list("n", 100)), "compiled") << parameter;
    EXPECT_THAT(refusal(parameter + list("n", 101)), HasSubstr("more than 1000 values"))
        << parameter;
  }
  EXPECT_EQ(refusal("Patient?name:exact=" + list("n", 1'000)), "compiled");
}

TEST(QueryLimits, ValuesThatAreComparedAsTextAreBounded_R01) {
  std::string letters;
  for (int i = 0; i < 1'000; ++i) letters += "\u00e9";  // two bytes each
  const std::string refused = "' has more than 1000 characters";
  EXPECT_EQ(refusal("Patient?name=" + letters), "compiled");
  for (const std::string parameter :
       {"Patient?name", "Patient?name:contains", "Patient?name:exact", "Patient?phonetic",
        "Condition?code:text", "Observation?subject:Patient.name:contains"}) {
    EXPECT_EQ(refusal(parameter + "=" + std::string(1'000, 'a')), "compiled") << parameter;
    EXPECT_THAT(refusal(parameter + "=b," + std::string(1'001, 'a')), testing::EndsWith(refused));
    EXPECT_THAT(refusal(parameter + "=" + letters + "e"), testing::EndsWith(refused));
  }
}

TEST(QueryLimits, ParametersAndChainsAreBounded_R01) {
  std::string parameters;
  std::string chains;
  for (int i = 0; i < 101; ++i) parameters += fmt::format("{}_id=x", i == 0 ? "" : "&");
  for (int i = 0; i < 21; ++i)
    chains += fmt::format("{}subject:Patient.birthdate=2000", i == 0 ? "" : "&");
  EXPECT_EQ(refusal("Patient?" + parameters), "a query has more than 100 parameters");
  EXPECT_EQ(refusal("Patient?" + parameters.substr(5)), "compiled");
  EXPECT_EQ(refusal("Observation?" + chains),
            "a query has more than 20 chained parameters and _has, each type counted");
  EXPECT_EQ(refusal("Observation?" + chains.substr(chains.find('&') + 1)), "compiled");
}

const std::vector<std::string>& observations() {
  static const std::vector<std::string> resources = {
      R"({"resourceType":"Observation","id":"a","code":{"coding":[{"system":"http://s","code":"1"}]}})",
      R"({"resourceType":"Observation","id":"b","code":{"coding":[{"system":"http://t","code":"1"},{"code":"2"}]}})",
      R"({"resourceType":"Observation","id":"c","code":{"coding":[{"code":"1\u0030"}]},"subject":{"reference":"Patient/7"}})",
      R"({"resourceType":"Observation","id":"d","code":{"text":"1"},"subject":{"reference":"https://sluice.example/fhir/Patient/7"}})",
      R"({"resourceType":"Observation","id":"e","subject":{"reference":"https://other.example/Patient/7"}})",
      R"({"resourceType":"Observation","id":"f","subject":{"reference":"Group/7"},"identifier":[{"system":"s","value":"1"}]})",
      R"({"resourceType":"Observation","id":"g","subject":{"reference":"urn:uuid:7"},"identifier":[{"value":"1"},{"value":"2"}]})",
      R"({"resourceType":"Observation","id":"h","subject":{"identifier":{"system":"s","value":"1"},"reference":"Patient/1"}})",
      R"({"resourceType":"Observation","id":"i","focus":[{"reference":"Patient/7/_history/2"}]})",
  };
  return resources;
}

// Each value alone is compared; twenty of them are looked up.
TEST(QueryLimits, WhatIsLookedUpMatchesWhatIsCompared_Q01_R01) {
  const std::string none = list("none", 20);
  for (const std::string value : {"code=1",
                                  "code=10",
                                  "code=http://s|1",
                                  "code=|1",
                                  "code=|2",
                                  "code=http://t|",
                                  "code=http://s|2",
                                  "subject=Patient/7",
                                  "subject=7",
                                  "subject=Group/7",
                                  "subject=https://other.example/Patient/7",
                                  "subject=https://sluice.example/fhir/Patient/7",
                                  "subject=urn:uuid:7",
                                  "subject:Patient=7",
                                  "subject:identifier=s|1",
                                  "subject:identifier=1",
                                  "subject:identifier=|1",
                                  "identifier=1",
                                  "identifier=s|1",
                                  "identifier=|2",
                                  "_id=a",
                                  "_id=i",
                                  "code:not=1",
                                  "code:not=2",
                                  "focus=Patient/7",
                                  "focus=Patient/7/_history/2",
                                  "focus=Patient/7/_history/3"}) {
    const std::string alone = "Observation?" + value;
    for (const auto& resource : observations()) {
      // "None of these" does not change by what nothing has.
      EXPECT_EQ(search(alone + "," + none, resource), search(alone, resource))
          << value << " " << resource;
    }
  }
}

TEST(QueryLimits, CanonicalsAreLookedUpWithAndWithoutVersion_Q01_R01) {
  const std::string resource =
      R"({"resourceType":"CarePlan","instantiatesCanonical":["http://p|1","http://q"]})";
  for (const char* value : {"http://p", "http://p|1", "http://p|2", "http://q", "http://q|1"}) {
    const std::string alone = fmt::format("CarePlan?instantiates-canonical={}", value);
    EXPECT_EQ(search(alone + "," + list("http://none/", 20), resource), search(alone, resource))
        << value;
  }
}

TEST(QuerySet, FindsWhatEachQueryFinds) {
  const std::vector<std::string> texts = {"code=1",
                                          "code=1,2",
                                          "code=http://s|1&_id=a",
                                          "code:not=1",
                                          "subject=7",
                                          "subject=Patient/7",
                                          "identifier=s|1",
                                          "identifier=1,2&code=2",
                                          "code:missing=true",
                                          "_id=a,b",
                                          "status=final",
                                          ""};
  std::vector<Query> queries;
  for (const auto& text : texts) queries.push_back(compile("Observation?" + text).value());
  QuerySet set(queries);
  Matcher matcher;
  for (const auto& resource : observations()) {
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < queries.size(); ++i)
      if (matcher.matches(queries[i], resource).value()) expected.push_back(i);
    EXPECT_EQ(*set.matching(resource).value(), expected) << resource;
  }
  set.drop(0);
  EXPECT_THAT(*set.matching(observations()[0]).value(), testing::Not(testing::Contains(0u)));
  EXPECT_FALSE(set.empty());
  for (std::size_t i = 0; i < queries.size(); ++i) set.drop(i);
  EXPECT_TRUE(set.empty());
}

// Three thousand conditions of a transaction on a store of a hundred patients: one comparison for
// each that has one of the identifiers, not three hundred thousand.
TEST(QuerySet, ThousandsOfIdentifiersCostOneComparisonEach_R01) {
  std::vector<Query> queries;
  for (int i = 0; i < 3'000; ++i)
    queries.push_back(compile(fmt::format("Patient?identifier=http://s|{}", i)).value());
  QuerySet set(queries);
  std::size_t found = 0;
  for (int i = 0; i < 100; ++i) {
    const auto resource = fmt::format(
        R"({{"resourceType":"Patient","identifier":[{{"system":"http://s","value":"{}"}}]}})",
        i * 60);
    found += set.matching(resource).value()->size();
  }
  EXPECT_EQ(found, 50u);
  EXPECT_EQ(set.comparisons(), 50u);
}

}  // namespace
}  // namespace sluice::search
