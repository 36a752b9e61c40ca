// Numbers, quantities and composites (Q-01, Q-03).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/json_walk.h"
#include "search/number_range.h"
#include "searching.h"

namespace sluice::search {
namespace {

std::string risk(std::string_view value, std::string_view probability) {
  return search("RiskAssessment?probability=" + std::string(value),
                R"({"prediction":[{"probabilityDecimal":)" + std::string(probability) + "}]}");
}

TEST(Number, EqualityHasThePrecisionOfTheDigits_Q03) {
  EXPECT_EQ(risk("100", "99.5"), "match");
  EXPECT_EQ(risk("100", "100.4999999999999999999999999"), "match") << "exactly, not as a double";
  EXPECT_EQ(risk("100", "100.5"), "no match");
  EXPECT_EQ(risk("100", "99.49"), "no match");
  EXPECT_EQ(risk("100.00", "99.995"), "match");
  EXPECT_EQ(risk("100.00", "100.005"), "no match");
  EXPECT_EQ(risk("1e2", "149"), "match") << "one digit leaves 50 to 150 open";
  EXPECT_EQ(risk("1e2", "150"), "no match");
  EXPECT_EQ(risk("ne100", "100.4"), "no match");
  EXPECT_EQ(risk("ne100", "100.5"), "match");
  EXPECT_EQ(risk("0.3", "0.30"), "match");
  EXPECT_EQ(risk("-5", "-5.4"), "match");
  EXPECT_EQ(risk("-5", "-5.6"), "no match");
}

TEST(Number, ComparisonsAreExact_Q03) {
  EXPECT_EQ(risk("lt100", "99.99"), "match");
  EXPECT_EQ(risk("lt100", "100"), "no match");
  EXPECT_EQ(risk("le100", "100.00"), "match");
  EXPECT_EQ(risk("gt100", "100.0000000000000000001"), "match");
  EXPECT_EQ(risk("gt100", "100"), "no match");
  EXPECT_EQ(risk("ge100", "1e2"), "match");
  EXPECT_EQ(risk("gt8e-1", "0.81"), "match");
  EXPECT_EQ(risk("gt0.8", "8E-1"), "no match");
  EXPECT_EQ(risk("sa100", "100.1"), "match");
  EXPECT_EQ(risk("sa100", "100"), "no match");
  EXPECT_EQ(risk("eb100", "99.9"), "match");
  EXPECT_EQ(risk("ap100", "110"), "match");
  EXPECT_EQ(risk("ap100", "111"), "no match");
  EXPECT_EQ(risk("gt1", "0.30000000000000000000000000000000000000000000000000001e1"), "match");
}

TEST(Number, WhatIsNoNumberIsRefused) {
  for (const std::string_view value :
       {"x", "", "1e", "1.", ".5", "1,5x", "gt", "0x10", "--1", "1 "})
    EXPECT_NE(risk(value, "1").find("error"), std::string::npos) << value;
}

std::string value(std::string_view query, std::string_view quantity) {
  return search("Observation?value-quantity=" + std::string(query),
                R"({"valueQuantity":)" + std::string(quantity) + "}");
}

TEST(Quantity, UnitsAreSystemAndCodeOrWhatPeopleRead_Q03) {
  constexpr std::string_view dose =
      R"({"value":5.4,"unit":"milligram","system":"http://unitsofmeasure.org","code":"mg"})";
  EXPECT_EQ(value("5.4|http://unitsofmeasure.org|mg", dose), "match");
  EXPECT_EQ(value("5.40e-3|http://unitsofmeasure.org|g", dose), "no match") << "no conversion";
  EXPECT_EQ(value("5.4||mg", dose), "match");
  EXPECT_EQ(value("5.4||milligram", dose), "match");
  EXPECT_EQ(value("5.4", dose), "match");
  EXPECT_EQ(value("5.4|http://other.example|mg", dose), "no match");
  EXPECT_EQ(value("le5.4|http://unitsofmeasure.org|mg", dose), "match");
  EXPECT_EQ(value("ap5.9|http://unitsofmeasure.org|mg", dose), "match");
  EXPECT_EQ(value("5.4|http://unitsofmeasure.org|milligram", dose), "no match");
  EXPECT_THAT(refusal("Observation?value-quantity=5.4|mg"),
              testing::HasSubstr("number|system|code"));
  EXPECT_THAT(refusal("Observation?value-quantity=5.4||"), testing::HasSubstr("no unit"));
}

TEST(Quantity, AComparatorIsAnOpenRange_Q03) {
  EXPECT_EQ(value("lt1", R"({"value":5,"comparator":"<"})"), "match");
  EXPECT_EQ(value("ge5", R"({"value":5,"comparator":"<"})"), "no match");
  EXPECT_EQ(value("ge5", R"({"value":5,"comparator":"<="})"), "match");
  EXPECT_EQ(value("5", R"({"value":5,"comparator":"<"})"), "no match");
  EXPECT_EQ(value("gt1000", R"({"value":5,"comparator":">"})"), "match");
  EXPECT_EQ(value("eb5", R"({"value":5,"comparator":"<"})"), "match");
}

TEST(Quantity, AnEscapedComparatorIsTheSameOne_Q03) {
  EXPECT_EQ(value("lt1", R"({"value":5,"comparator":"\u003c"})"), "match");
  EXPECT_EQ(value("ge5", R"({"value":5,"comparator":"\u003c"})"), "no match");
  EXPECT_EQ(value("ge5", R"({"value":5,"comparator":"\u003C="})"), "match");
  EXPECT_EQ(value("5", R"({"value":5,"comparator":"\u003c"})"), "no match");
  EXPECT_EQ(value("gt1000", R"({"value":5,"comparator":"\u003e="})"), "match");
  EXPECT_EQ(value("le5", R"({"value":5,"comparator":"\u003e"})"), "no match");
}

// A large recording that a thousand values, or a hundred parameters, ask for is read once.
TEST(SampledRanges, AreReadOnceForAResource_R01) {
  std::string json = "[";
  for (int i = 0; i < 1'000; ++i)
    json += fmt::format(R"({}{{"origin":{{"value":{}}},"data":"E 3 -1 2"}})", i == 0 ? "" : ",", i);
  fhir::JsonTokens tokens;
  ASSERT_TRUE(tokens.read(json + R"(,{"data":"1"}])"));
  std::vector<std::size_t> sampled;
  ASSERT_TRUE(fhir::each_element(tokens, 0, [&](std::size_t i) -> Result<void> {
    sampled.push_back(i);
    return {};
  }));
  ASSERT_EQ(sampled.size(), 1'001u);
  SampledRanges ranges;
  EXPECT_FALSE(ranges.of(tokens, sampled[1'000]));
  for (int i = 999; i >= 0; --i) {
    const auto& range = ranges.of(tokens, sampled[static_cast<std::size_t>(i)]);
    ASSERT_TRUE(range);
    EXPECT_EQ(range->low, Decimal(i - 1, 0));
    EXPECT_EQ(range->high, Decimal(i + 3, 0));
  }
  const auto* const first = &ranges.of(tokens, sampled[0]);
  EXPECT_FALSE(ranges.of(tokens, sampled[1'000]));
  EXPECT_EQ(&ranges.of(tokens, sampled[0]), first);
  ASSERT_TRUE(tokens.read(R"([{"origin":{"value":7},"data":"1"}])"));
  ranges.clear();
  EXPECT_EQ(ranges.of(tokens, 1)->low, Decimal(8, 0));
}

TEST(Quantity, RangesMoneyAndSamples_Q03) {
  constexpr std::string_view age =
      R"({"condition":[],"onsetRange":{"low":{"value":40,"code":"a"},"high":{"value":50,"code":"a"}}})";
  EXPECT_EQ(search("Condition?onset-age=gt45", age), "match");
  EXPECT_EQ(search("Condition?onset-age=lt45", age), "match");
  EXPECT_EQ(search("Condition?onset-age=sa39||a", age), "match");
  EXPECT_EQ(search("Condition?onset-age=gt50", age), "no match");
  // FHIR-51068: the range's end is at or after the value, its start at or before it.
  EXPECT_EQ(search("Condition?onset-age=ge45", age), "match");
  EXPECT_EQ(search("Condition?onset-age=ge50", age), "match");
  EXPECT_EQ(search("Condition?onset-age=ge50.1", age), "no match");
  EXPECT_EQ(search("Condition?onset-age=le45", age), "match");
  EXPECT_EQ(search("Condition?onset-age=le40", age), "match");
  EXPECT_EQ(search("Condition?onset-age=le39.9", age), "no match");
  EXPECT_EQ(search("Condition?onset-age=45", age), "no match");
  constexpr std::string_view invoice = R"({"totalNet":{"value":48.5,"currency":"EUR"}})";
  EXPECT_EQ(search("Invoice?totalnet=gt48||EUR", invoice), "match");
  EXPECT_EQ(search("Invoice?totalnet=gt48|urn:iso:std:iso:4217|USD", invoice), "no match");
  constexpr std::string_view samples =
      R"({"valueSampledData":{"origin":{"value":2},"factor":1.6,"data":"1 E -2 10 U"}})";
  EXPECT_EQ(search("Observation?value-quantity=gt17.9", samples), "match");
  EXPECT_EQ(search("Observation?value-quantity=gt18", samples), "no match");
  EXPECT_EQ(search("Observation?value-quantity=sa-1.3", samples), "match");
  EXPECT_EQ(search("Observation?value-quantity=sa-1.2", samples), "no match");
}

constexpr std::string_view kPressure = R"({"resourceType":"Observation",
  "code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},
  "component":[
   {"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":107,"code":"mm[Hg]"}},
   {"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":60,"code":"mm[Hg]"}}]})";

TEST(Composite, BothPartsMustBeOfOneElement_Q01) {
  const auto component = [](std::string_view query) {
    return search("Observation?component-code-value-quantity=" + std::string(query), kPressure);
  };
  EXPECT_EQ(component("http://loinc.org|8480-6$gt100"), "match");
  EXPECT_EQ(component("http://loinc.org|8462-4$gt100"), "no match");
  EXPECT_EQ(component("8462-4$lt100||mm[Hg]"), "match");
  EXPECT_EQ(component("8462-4$gt100,8480-6$gt100"), "match");
  EXPECT_EQ(search("Observation?combo-code-value-quantity=8480-6$107", kPressure), "match");
  EXPECT_EQ(search("Observation?code-value-quantity=8480-6$107", kPressure), "no match");
  EXPECT_EQ(search("Observation?code-value-quantity=8867-4$gt60",
                   R"({"code":{"coding":[{"code":"8867-4"}]},"valueQuantity":{"value":61}})"),
            "match");
  EXPECT_THAT(refusal("Observation?code-value-quantity=8480-6"), testing::HasSubstr("2 parts"));
  EXPECT_THAT(refusal("Observation?code-value-quantity=8480-6$x"),
              testing::HasSubstr("not a number"));
  EXPECT_THAT(refusal("Observation?code-value-quantity:missing=true"),
              testing::HasSubstr("not supported"));
}

TEST(Composite, APartMayBeOfTheWholeResource_Q01) {
  constexpr std::string_view sequence =
      R"({"referenceSeq":{"chromosome":{"coding":[{"code":"1"}]}},"variant":[{"start":10,"end":20}]})";
  EXPECT_EQ(search("MolecularSequence?chromosome-variant-coordinate=1$ge10$le20", sequence),
            "match");
  EXPECT_EQ(search("MolecularSequence?chromosome-variant-coordinate=2$ge10$le20", sequence),
            "no match");
  EXPECT_EQ(
      search("DocumentReference?relationship=replaces$DocumentReference/1",
             R"({"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/1"}}]})"),
      "match");
}

}  // namespace
}  // namespace sluice::search
