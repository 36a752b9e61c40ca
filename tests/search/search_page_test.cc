// Tables from the facts of FHIR R4's search page (Q-01 to Q-06): each row is one value of a query
// and whether it finds the element. Expectations are the page's, not the engine's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "searching.h"

namespace sluice::search {
namespace {

struct Row {
  std::string query;
  std::string_view resource;
  bool found;
};

void expect(std::initializer_list<Row> rows) {
  for (const Row& row : rows)
    EXPECT_EQ(search(row.query, row.resource), row.found ? "match" : "no match")
        << row.query << " of " << row.resource;
}

/// The prefixes that find a Procedure with the date, of all that there are but ap.
std::string prefixes_that_find(std::string_view value, std::string_view date) {
  std::string found;
  for (const std::string prefix : {"eq", "ne", "gt", "ge", "lt", "le", "sa", "eb"})
    if (search("Procedure?date=" + prefix + std::string(value),
               R"({"performedDateTime":")" + std::string(date) + R"("})") == "match")
      found += (found.empty() ? "" : " ") + prefix;
  return found;
}

// The page compares the interval that a value stands for with the one of the element: eq is
// containment, gt and lt look at what lies outside on one side.
TEST(SearchPage, EveryPrefixOverPartialDates_Q03) {
  EXPECT_EQ(prefixes_that_find("2013", "2013"), "eq ge le");
  EXPECT_EQ(prefixes_that_find("2013", "2013-05-06"), "eq ge le");
  EXPECT_EQ(prefixes_that_find("2013-05-06", "2013"), "ne gt ge lt le");
  EXPECT_EQ(prefixes_that_find("2013-05", "2013-06"), "ne gt ge sa");
  EXPECT_EQ(prefixes_that_find("2013-05", "2013-04-30"), "ne lt le eb");
  EXPECT_EQ(prefixes_that_find("2012-02-29", "2012-02-29T23:59:59Z"), "eq ge le");
  EXPECT_EQ(prefixes_that_find("2012-02-29", "2012-03-01T00:00:00Z"), "ne gt ge sa");
  EXPECT_EQ(prefixes_that_find("2012-02-29", "2012-02-28T23:59:59.999Z"), "ne lt le eb");
  EXPECT_EQ(prefixes_that_find("2013-01-14T10:00Z", "2013-01-14T10:00:59Z"), "eq ge le");
  EXPECT_EQ(prefixes_that_find("2013-01-14T10:00:00Z", "2013-01-14T12:00:00+02:00"), "eq ge le");
  EXPECT_EQ(prefixes_that_find("2013-01-14T10:00:00%2B02:00", "2013-01-14T08:00:00Z"), "eq ge le");
}

TEST(SearchPage, ALeapSecondIsReadAndCompared_Q03) {
  EXPECT_EQ(prefixes_that_find("2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z"), "eq ge le");
  EXPECT_EQ(prefixes_that_find("2016-12-31T23:59:59Z", "2016-12-31T23:59:60Z"), "ne gt ge sa");
  EXPECT_EQ(prefixes_that_find("2017-01-01T00:00:01Z", "2016-12-31T23:59:60Z"), "ne lt le eb");
}

TEST(SearchPage, PeriodsWithOpenEnds_Q03) {
  constexpr std::string_view since = R"({"period":{"start":"2013-01-21"}})";
  constexpr std::string_view until = R"({"period":{"end":"2013-01-21"}})";
  constexpr std::string_view closed = R"({"period":{"start":"2013-01-21","end":"2013-03-14"}})";
  expect({{"Encounter?date=ge2020", since, true},
          {"Encounter?date=gt2020", since, true},
          {"Encounter?date=le2020", since, true},
          {"Encounter?date=lt2013-01-21", since, false},
          {"Encounter?date=sa2013-01-20", since, true},
          {"Encounter?date=eb2999", since, false},
          {"Encounter?date=2013", since, false},
          {"Encounter?date=le1900", until, true},
          {"Encounter?date=ge1900", until, true},
          {"Encounter?date=gt2013-01-21", until, false},
          {"Encounter?date=eb2013-01-22", until, true},
          {"Encounter?date=sa1900", until, false},
          {"Encounter?date=2013", closed, true},
          {"Encounter?date=2013-02", closed, false},
          {"Encounter?date=gt2013-02", closed, true},
          {"Encounter?date=lt2013-02", closed, true},
          {"Encounter?date=sa2013-02", closed, false},
          {"Encounter?date=eb2013-03-15", closed, true}});
}

TEST(SearchPage, PrecisionOfNumbers_Q03) {
  const auto found = [](std::string_view value, std::string_view number) {
    return search("RiskAssessment?probability=" + std::string(value),
                  R"({"prediction":[{"probabilityDecimal":)" + std::string(number) + "}]}") ==
           "match";
  };
  for (const std::string_view number : {"99.5", "100", "100.4999"})
    EXPECT_TRUE(found("100", number)) << number;
  for (const std::string_view number : {"99.4999", "100.5"})
    EXPECT_FALSE(found("100", number)) << number;
  for (const std::string_view number : {"99.995", "100.0", "100.00499"})
    EXPECT_TRUE(found("100.00", number)) << number;
  for (const std::string_view number : {"99.99", "100.005"})
    EXPECT_FALSE(found("100.00", number)) << number;
  for (const std::string_view number : {"50", "149.99"}) EXPECT_TRUE(found("1e2", number));
  for (const std::string_view number : {"49.99", "150"}) EXPECT_FALSE(found("1e2", number));
  EXPECT_TRUE(found("lt100", "99.9999")) << "comparisons are exact";
  EXPECT_FALSE(found("gt100", "100.00"));
}

TEST(SearchPage, FormsOfQuantities_Q03) {
  constexpr std::string_view dose =
      R"({"valueQuantity":{"value":5.4,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}})";
  constexpr std::string_view unit_only = R"({"valueQuantity":{"value":5.4,"unit":"mg"}})";
  expect({{"Observation?value-quantity=5.4|http://unitsofmeasure.org|mg", dose, true},
          {"Observation?value-quantity=5.4|http://unitsofmeasure.org|mg", unit_only, false},
          {"Observation?value-quantity=5.4||mg", dose, true},
          {"Observation?value-quantity=5.4||mg", unit_only, true},
          {"Observation?value-quantity=5.4||kg", dose, false},
          {"Observation?value-quantity=5.4", unit_only, true},
          {"Observation?value-quantity=5.40", dose, true},
          {"Observation?value-quantity=5", dose, true},
          {"Observation?value-quantity=5.5", dose, false},
          {"Observation?value-quantity=le5.4|http://unitsofmeasure.org|mg", dose, true},
          {"Observation?value-quantity=ap5|http://unitsofmeasure.org|mg", dose, true}});
}

TEST(SearchPage, FormsOfTokens_Q04) {
  constexpr std::string_view both = R"({"identifier":[{"system":"http://a.example","value":"2"}]})";
  constexpr std::string_view bare = R"({"identifier":[{"value":"2"}]})";
  expect({{"Patient?identifier=2", both, true},
          {"Patient?identifier=2", bare, true},
          {"Patient?identifier=http://a.example|2", both, true},
          {"Patient?identifier=http://a.example|2", bare, false},
          {"Patient?identifier=|2", both, false},
          {"Patient?identifier=|2", bare, true},
          {"Patient?identifier=http://a.example|", both, true},
          {"Patient?identifier=http://a.example|", bare, false},
          {"Patient?identifier:not=http://a.example|2", both, false},
          {"Patient?identifier:not=http://a.example|2", R"({"identifier":[]})", true},
          {"Patient?gender:not=male", R"({"gender":"female"})", true},
          {"Patient?gender:not=male,female", R"({"gender":"female"})", false},
          {"Patient?gender:not=male", "{}", true}});
}

TEST(SearchPage, EscapesKeepWhatSeparates_Q04) {
  constexpr std::string_view comma = R"({"identifier":[{"value":"xxx,yyy"}]})";
  constexpr std::string_view bar = R"({"identifier":[{"system":"a|b","value":"c"}]})";
  constexpr std::string_view dollar =
      R"({"code":{"coding":[{"code":"x$y"}]},"valueQuantity":{"value":1}})";
  constexpr std::string_view backslash = R"({"identifier":[{"value":"a\\b"}]})";
  expect({{"Patient?identifier=xxx\\,yyy", comma, true},
          {"Patient?identifier=xxx,yyy", comma, false},
          {"Patient?identifier=a\\|b|c", bar, true},
          {"Observation?code-value-quantity=x\\$y$1", dollar, true},
          {"Patient?identifier=a\\\\b", backslash, true}});
}

TEST(SearchPage, MissingOfEveryType_Q04) {
  struct Case {
    std::string_view parameter, resource;
  };
  for (const Case& one :
       {Case{"Patient?gender", R"({"gender":"male"})"},
        Case{"Patient?family", R"({"name":[{"family":"A"}]})"},
        Case{"Patient?organization", R"({"managingOrganization":{"reference":"Organization/1"}})"},
        Case{"Patient?birthdate", R"({"birthDate":"1970"})"},
        Case{"RiskAssessment?probability", R"({"prediction":[{"probabilityDecimal":1}]})"},
        Case{"Observation?value-quantity", R"({"valueQuantity":{"value":1}})"},
        Case{"ValueSet?url", R"({"url":"http://v.example"})"}}) {
    const std::string name(one.parameter);
    expect({{name + ":missing=false", one.resource, true},
            {name + ":missing=true", one.resource, false},
            {name + ":missing=false", "{}", false},
            {name + ":missing=true", "{}", true}});
  }
}

TEST(SearchPage, ReferencesInEveryFormOnBothSides_Q06) {
  const auto found = [](std::string_view value, std::string_view reference) {
    return search("Observation?subject=" + std::string(value),
                  R"({"subject":{"reference":")" + std::string(reference) + R"("}})") == "match";
  };
  for (const std::string_view reference :
       {"Patient/23", "Patient/23/_history/2", "https://sluice.example/fhir/Patient/23",
        "https://sluice.example/fhir/Patient/23/_history/2"}) {
    for (const std::string_view value :
         {"23", "Patient/23", "https://sluice.example/fhir/Patient/23"})
      EXPECT_TRUE(found(value, reference)) << value << " of " << reference;
    EXPECT_FALSE(found("Group/23", reference)) << reference;
    EXPECT_FALSE(found("http://other.example/fhir/Patient/23", reference)) << reference;
  }
  EXPECT_TRUE(found("Patient/23/_history/2", "Patient/23/_history/2"));
  EXPECT_FALSE(found("Patient/23/_history/2", "Patient/23/_history/3"));
  EXPECT_FALSE(found("23", "http://other.example/fhir/Patient/23"));
  EXPECT_TRUE(
      found("http://other.example/fhir/Patient/23", "http://other.example/fhir/Patient/23"));
}

TEST(SearchPage, WhatIsNotSupportedIsNamed_Q02_Q04) {
  for (const std::string name : {"_text", "_content"})
    EXPECT_EQ(refusal("Patient?" + name + "=x"),
              "the search parameter '" + name + "' is not supported");
  for (const std::string modifier : {"in", "not-in", "above", "below"})
    EXPECT_EQ(
        refusal("Condition?code:" + modifier + "=http://v.example"),
        "the modifier ':" + modifier + "' of the search parameter 'code' (token) is not supported");
  EXPECT_EQ(refusal("ValueSet?url:above=http://v.example"),
            "the modifier ':above' of the search parameter 'url' (uri) is not supported");
}

}  // namespace
}  // namespace sluice::search
