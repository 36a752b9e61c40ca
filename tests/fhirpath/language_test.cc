// The language by the sections of its standard: literals, operators, precedence, three values.
#include <gtest/gtest.h>

#include "evaluating.h"

namespace sluice::fhirpath {
namespace {

TEST(Literals, KeepTheirDigits) {
  EXPECT_EQ(eval("1.50"), "1.50");
  EXPECT_EQ(eval("007"), "7");
  EXPECT_EQ(eval("5L"), "5");
  EXPECT_EQ(eval("1234567890987654321.0"), "1234567890987654321.0");
}

TEST(Literals, OfTextHaveEscapes) {
  EXPECT_EQ(eval(R"('a\tb\'\u00e9\\')"), R"("a\tb'é\\")");
  EXPECT_EQ(eval(R"('\ud83d\ude00'.length())"), "1");
  EXPECT_EQ(eval(R"('\q')"), "error: FHIRPath: there is no such escape (at character 2)");
}

TEST(Literals, OfDatesAndTimesAreCheckedByTheCalendar) {
  EXPECT_EQ(eval("@2015-02-04T14:34:28.123+09:00"), R"("2015-02-04T14:34:28.123+09:00")");
  EXPECT_EQ(eval("@2015T"), R"("2015")");
  EXPECT_EQ(eval("@T14:30"), R"("14:30")");
  EXPECT_EQ(eval("@2015-02-29"), "error: FHIRPath: there is no such date or time (at character 1)");
  EXPECT_EQ(eval("@T14:30Z"), "error: FHIRPath: a time has no zone (at character 8)");
}

TEST(Literals, OfQuantitiesAreUcumOrTheCalendar) {
  EXPECT_EQ(
      eval("4 days"),
      R"({"value":4,"unit":"day","system":"http://hl7.org/fhirpath/CodeSystem/calendar-units","code":"day"})");
  EXPECT_EQ(eval("1.5 'mg'"),
            R"({"value":1.5,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"})");
}

TEST(Comments, AreSkipped) {
  EXPECT_EQ(eval("1 /* one */ + // and\n 2"), "3");
}

TEST(Precedence, IsThatOfTheStandard) {
  EXPECT_EQ(eval("1 + 2 * 3"), "7");
  EXPECT_EQ(eval("-1 + 2"), "1");
  EXPECT_EQ(eval("2 * 3 = 6 and true"), "true");
  EXPECT_EQ(eval("false and false or true"), "true");
  EXPECT_EQ(eval("(1 | 2) = 1 | 2"), "true");
  EXPECT_EQ(eval("1 = 1 is Boolean"), "false");
  EXPECT_EQ(eval("true implies false or true"), "true");
  EXPECT_EQ(eval("-1.convertsToInteger()"),
            "error: FHIRPath: a sign needs a number, not System.Boolean (at character 1)");
}

TEST(Keywords, CanBeNamesWhereNoOperatorCanStand) {
  EXPECT_EQ(eval("expansion.contains.code",
                 R"({"resourceType":"ValueSet","expansion":{"contains":[{"code":"x"}]}})"),
            R"("x")");
  EXPECT_EQ(eval("text.`div`.exists()"), "false");
}

TEST(Equality, IsFalseWhenSizesDifferAndEmptyOfNothing) {
  EXPECT_EQ(eval("(1 | 2) = 1"), "false");
  EXPECT_EQ(eval("{} = 1"), "{}");
  EXPECT_EQ(eval("(1 | 2) != (2 | 1)"), "true");
  EXPECT_EQ(eval("(1 | 2) ~ (2 | 1)"), "true");
  EXPECT_EQ(eval("{} ~ {}"), "true");
  EXPECT_EQ(eval("'1' = 1"), "false");
}

TEST(Equality, OfDecimalsIgnoresZerosAtTheEnd) {
  EXPECT_EQ(eval("1.10 = 1.1"), "true");
  EXPECT_EQ(eval("1.2 / 1.8 = 0.67"), "false");
  EXPECT_EQ(eval("1.2 / 1.8 ~ 0.67"), "true");
}

TEST(Equality, OfDatesOfOtherPrecisionIsEmptyUnlessTheyDiffer) {
  EXPECT_EQ(eval("@2012-01 = @2012"), "{}");
  EXPECT_EQ(eval("@2012-01 = @2013"), "false");
  EXPECT_EQ(eval("@2012-01 ~ @2012"), "false");
  EXPECT_EQ(eval("@2012-01-01T10:30:31.0 = @2012-01-01T10:30:31"), "true");
}

TEST(Equality, OfTextWithTildeIgnoresCaseAndKindsOfBlanks) {
  EXPECT_EQ(eval(R"('a b' ~ 'A\tB')"), "true");
  EXPECT_EQ(eval("'a     b' ~ 'a b'"), "false");
}

TEST(Comparison, IsThreeValuedOverPrecision) {
  EXPECT_EQ(eval("@2018-03 < @2018-03-01"), "{}");
  EXPECT_EQ(eval("@2018-03 < @2018-04-01"), "true");
  EXPECT_EQ(eval("@T10:30 > @T10:30:00"), "{}");
  EXPECT_EQ(eval("@2017-11-05T01:30:00.0-04:00 < @2017-11-05T01:15:00.0-05:00"), "true");
}

TEST(Comparison, WithAMissingZoneIsEmptyUnlessNoZoneMatters) {
  EXPECT_EQ(eval("@2012-04-15T15:00:00Z = @2012-04-15T10:00:00"), "{}");
  EXPECT_EQ(eval("@2012-04-15T15:00:00Z > @2012-04-10T10:00:00"), "true");
}

TEST(Comparison, OfTypesWithoutAnOrderIsAnErrorWithItsPlace) {
  EXPECT_EQ(
      eval("1 < 'a'"),
      "error: FHIRPath: '<' cannot compare System.Integer and System.String (at character 3)");
  EXPECT_EQ(eval("(1 | 2) < 3"), "error: FHIRPath: '<' takes one item, not 2 (at character 9)");
}

TEST(Logic, HasThreeValues) {
  EXPECT_EQ(eval("{} and false"), "false");
  EXPECT_EQ(eval("{} and true"), "{}");
  EXPECT_EQ(eval("{} or true"), "true");
  EXPECT_EQ(eval("{} or false"), "{}");
  EXPECT_EQ(eval("{} implies true"), "true");
  EXPECT_EQ(eval("{} implies false"), "{}");
  EXPECT_EQ(eval("true implies {}"), "{}");
  EXPECT_EQ(eval("true xor {}"), "{}");
}

TEST(Logic, TakesASingleItemForTrue) {
  EXPECT_EQ(eval("id and true"), "true");
  EXPECT_EQ(eval("iif(0, 'yes', 'no')"), R"("yes")");
}

TEST(Math, IsExact) {
  EXPECT_EQ(eval("0.1 + 0.2 = 0.3"), "true");
  EXPECT_EQ(eval("1.8 - 1.2"), "0.6");
  EXPECT_EQ(eval("1 / 3"), "0.33333333");
  EXPECT_EQ(eval("5 div 2"), "2");
  EXPECT_EQ(eval("5.5 div 0.7"), "7");
  EXPECT_EQ(eval("-5 mod 3"), "-2");
  EXPECT_EQ(eval("2.2 mod 1.8"), "0.4");
  EXPECT_EQ(eval("'a' + 'b'"), R"("ab")");
}

TEST(Math, OverflowAndDivisionByZeroAreEmpty) {
  EXPECT_EQ(eval("2147483647 + 1"), "{}");
  EXPECT_EQ(eval("2147483647L + 1"), "2147483648");
  EXPECT_EQ(eval("1 / 0"), "{}");
  EXPECT_EQ(eval("1 mod 0"), "{}");
  EXPECT_EQ(eval("99999999999999999999999999999999999.0 * 100"), "{}");
}

TEST(Concatenation, TakesNothingForNoText) {
  EXPECT_EQ(eval("'a' & {} & 'b'"), R"("ab")");
  EXPECT_EQ(eval("'a' + {}"), "{}");
}

TEST(Membership, AsksForOneItem) {
  EXPECT_EQ(eval("2 in (1 | 2)"), "true");
  EXPECT_EQ(eval("(1 | 2) contains 3"), "false");
  EXPECT_EQ(eval("{} in (1 | 2)"), "{}");
  EXPECT_EQ(eval("1 in {}"), "false");
}

TEST(Types, AreOfFhirFirst) {
  const std::string_view patient = R"({"resourceType":"Patient","active":true,"birthDate":"1970"})";
  EXPECT_EQ(eval("active is boolean", patient), "true");
  EXPECT_EQ(eval("active is Boolean", patient), "false");
  EXPECT_EQ(eval("true is System.Boolean", patient), "true");
  EXPECT_EQ(eval("Patient is DomainResource", patient), "true");
  EXPECT_EQ(eval("birthDate.type().name", patient), R"("date")");
  EXPECT_EQ(eval("1.type()"), R"({"namespace":"System","name":"Integer"})");
  EXPECT_EQ(eval("1 is Nothing"), "error: FHIRPath: there is no type 'Nothing' (at character 6)");
}

TEST(Dates, MoveByTheCalendar) {
  EXPECT_EQ(eval("@1973-12-25 + 7 days"), R"("1974-01-01")");
  EXPECT_EQ(eval("@1973-12-25 + 7.9 days"), R"("1974-01-01")");
  EXPECT_EQ(eval("@2026-01-31 + 1 month"), R"("2026-02-28")");
  EXPECT_EQ(eval("@2019-03-01 - 24 months"), R"("2017-03-01")");
  EXPECT_EQ(eval("@1973-12-25T00:00:00.000+10:00 + 42.53 seconds"),
            R"("1973-12-25T00:00:42.530+10:00")");
  EXPECT_EQ(eval("@T23:30:00 + 1 hour"), R"("00:30:00")");
  EXPECT_EQ(eval("@T01:00:00 - 2 hours"), R"("23:00:00")");
}

TEST(Dates, ThatArePartialMoveByTheirOwnUnit) {
  EXPECT_EQ(eval("@2014 + 24 months"), R"("2016")");
  EXPECT_EQ(eval("@2014 + 23 months"), R"("2015")");
  EXPECT_EQ(eval("@2016 + 365 days"), R"("2017")");
  EXPECT_EQ(eval("@2026-02 + 5 weeks"), R"("2026-03")");
  EXPECT_EQ(eval("@2026-02 + 4 weeks"), R"("2026-02")");
  EXPECT_EQ(eval("@2014 - 1 month"), R"("2014")");
}

TEST(Dates, RefuseWhatIsNoCalendarUnit) {
  EXPECT_EQ(eval("@2014-01-01 + 1 'a'"),
            "error: FHIRPath: 'a' is no unit of the calendar: a date is moved by years, months, "
            "weeks, days and parts of a day (at character 13)");
  EXPECT_EQ(eval("@T10:00 + 1 day"),
            "error: FHIRPath: a time is moved by hours and their parts (at character 9)");
}

TEST(Errors, OfSyntaxNameTheirPlace) {
  EXPECT_EQ(eval("name."), "error: FHIRPath: the expression ends too early (at character 6)");
  EXPECT_EQ(eval("(1"), "error: FHIRPath: ')' is missing (at character 3)");
  EXPECT_EQ(eval("1 2"), "error: FHIRPath: '2' does not belong here (at character 3)");
  EXPECT_EQ(eval("'é' ?"), "error: FHIRPath: '?' does not belong here (at character 5)");
  EXPECT_EQ(eval("nothing()"), "error: FHIRPath: there is no function nothing() (at character 1)");
  EXPECT_EQ(eval("'a'.startsWith()"),
            "error: FHIRPath: startsWith() takes 1 arguments, not 0 (at character 5)");
}

}  // namespace
}  // namespace sluice::fhirpath
