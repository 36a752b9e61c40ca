// Dates (Q-03): the examples of FHIR's search page, partial dates, periods, zones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/date_range.h"
#include "searching.h"

namespace sluice::search {
namespace {

/// Whether an Encounter with this period matches.
std::string period(std::string_view value, std::string_view start, std::string_view end) {
  std::string members;
  if (!start.empty()) members += R"("start":")" + std::string(start) + '"';
  if (!end.empty())
    members += (members.empty() ? "" : ",") + (R"("end":")" + std::string(end) + '"');
  return search("Encounter?date=" + std::string(value), R"({"period":{)" + members + "}}");
}

std::string date_time(std::string_view value, std::string_view date) {
  return search("Procedure?date=" + std::string(value),
                R"({"performedDateTime":")" + std::string(date) + R"("})");
}

TEST(Date, TheSearchPagesExamplesOfDateTimes_Q03) {
  EXPECT_EQ(date_time("eq2013-01-14", "2013-01-14T00:00:00Z"), "match");
  EXPECT_EQ(date_time("2013-01-14", "2013-01-14T10:00:00Z"), "match");
  EXPECT_EQ(date_time("eq2013-01-14", "2013-01-15T00:00:00Z"), "no match");
  EXPECT_EQ(date_time("ne2013-01-14", "2013-01-15T00:00:00Z"), "match");
  EXPECT_EQ(date_time("ne2013-01-14", "2013-01-14T00:00:00Z"), "no match");
  EXPECT_EQ(date_time("ne2013-01-14", "2013-01-14T10:00:00Z"), "no match");
  EXPECT_EQ(date_time("lt2013-01-14T10:00", "2013-01-14"), "match");
  EXPECT_EQ(date_time("gt2013-01-14T10:00", "2013-01-14"), "match");
}

TEST(Date, TheSearchPagesExamplesOfPeriods_Q03) {
  EXPECT_EQ(period("ge2013-03-14", "2013-01-21", ""), "match");
  EXPECT_EQ(period("le2013-03-14", "2013-01-21", ""), "match");
  EXPECT_EQ(period("sa2013-03-14", "2013-03-15", ""), "match");
  EXPECT_EQ(period("sa2013-03-14", "2013-01-21", ""), "no match");
  EXPECT_EQ(period("sa2013-03-14", "", "2013-01-21"), "no match");
  EXPECT_EQ(period("eb2013-03-14", "2013-03-15", ""), "no match");
  EXPECT_EQ(period("eb2013-03-14", "2013-01-21", ""), "no match");
  EXPECT_EQ(period("eb2013-03-14", "", "2013-01-21"), "match");
}

TEST(Date, AnOpenPeriodIsInNoRange_Q03) {
  EXPECT_EQ(period("2013", "2013-01-21", ""), "no match");
  EXPECT_EQ(period("ne2013", "2013-01-21", ""), "match");
  EXPECT_EQ(period("2013", "2013-01-21", "2013-12-31"), "match");
  EXPECT_EQ(period("2013", "2013-01-21", "2014"), "no match");
  EXPECT_EQ(period("gt9999", "2013", ""), "match");
  EXPECT_EQ(period("lt0001", "", "2013"), "match");
  EXPECT_EQ(search("Encounter?date=ne2013", R"({"period":{"extension":[]}})"), "no match");
}

TEST(Date, PartialDatesAreRanges_Q03) {
  EXPECT_EQ(date_time("2013", "2013-07"), "match");
  EXPECT_EQ(date_time("2013-07", "2013"), "no match") << "the year is wider than the month";
  EXPECT_EQ(date_time("gt2013-07", "2013"), "match");
  EXPECT_EQ(date_time("lt2013-07", "2013"), "match");
  EXPECT_EQ(date_time("sa2013-07", "2013"), "no match");
  EXPECT_EQ(date_time("ge2013", "2013"), "match");
  EXPECT_EQ(date_time("gt2013", "2013"), "no match");
  EXPECT_EQ(date_time("2012-02", "2012-02-29"), "match");
  EXPECT_EQ(date_time("2012-02", "2012-03-01"), "no match");
}

// HL7's clarification FHIR-51068: it is enough that the two overlap.
TEST(Date, GeAndLeHoldForWhatOverlapsTheValue_Q03) {
  EXPECT_EQ(period("ge2015", "1983-05-02", "2015-06-30"), "match");
  EXPECT_EQ(period("ge2015", "1983-05-02", "2015-01-01"), "match") << "its end is at the start";
  EXPECT_EQ(period("ge2015", "1983-05-02", "2014-12-31"), "no match");
  EXPECT_EQ(period("ge2015", "1983-05-02", "2014-12-31T23:59:59.999Z"), "no match");
  EXPECT_EQ(period("ge2015", "", "2015"), "match");
  EXPECT_EQ(period("ge2015", "2014", ""), "match");
  EXPECT_EQ(period("le2015", "2015-06-30", "2020"), "match");
  EXPECT_EQ(period("le2015", "2015-12-31T23:59:59.999Z", "2020"), "match");
  EXPECT_EQ(period("le2015", "2016-01-01", "2020"), "no match");
  EXPECT_EQ(period("le2015", "2016", ""), "no match");
  EXPECT_EQ(date_time("ge2013-07", "2013"), "match") << "the year is wider than the month";
  EXPECT_EQ(date_time("le2013-07", "2013"), "match");
  EXPECT_EQ(date_time("ge2013-07-31T23:59:59Z", "2013-07"), "match");
  EXPECT_EQ(date_time("ge2013-08-01", "2013-07"), "no match");
  EXPECT_EQ(date_time("le2013-06-30", "2013-07"), "no match");
  // gt and lt keep their wording: something of the target lies beyond the value.
  EXPECT_EQ(period("gt2015", "1983-05-02", "2015-06-30"), "no match");
  EXPECT_EQ(period("lt2015", "2015-06-30", "2020"), "no match");
  // An instant is one moment.
  EXPECT_EQ(search("Condition?_lastUpdated=ge2024-05-01T10:00:00.5Z",
                   R"({"meta":{"lastUpdated":"2024-05-01T10:00:00.500Z"}})"),
            "match");
  EXPECT_EQ(search("Condition?_lastUpdated=ge2024-05-01T10:00:00.501Z",
                   R"({"meta":{"lastUpdated":"2024-05-01T10:00:00.500Z"}})"),
            "no match");
}

TEST(Date, ZonesAreCorrected_Q03) {
  EXPECT_EQ(date_time("2013-01-14", "2013-01-15T01:00:00+02:00"), "match");
  EXPECT_EQ(date_time("2013-01-14", "2013-01-14T23:00:00-02:00"), "no match");
  EXPECT_EQ(date_time("ge2013-01-14T10:00:00%2B01:00", "2013-01-14T09:00:00Z"), "match");
  EXPECT_EQ(date_time("lt2013-01-14T10:00:00+01:00", "2013-01-14T09:00:00Z"), "no match")
      << "a '+' that was not escaped is a space";
  EXPECT_EQ(date_time("2013-01-14T10:00", "2013-01-14T10:00:30Z"), "match");
}

TEST(Date, ALeapSecondIsTheFollowingSecond_Q03) {
  EXPECT_EQ(date_time("2017-01-01", "2016-12-31T23:59:60Z"), "match");
  EXPECT_EQ(date_time("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.5Z"), "match");
}

TEST(Date, FractionsArePrecision_Q03) {
  EXPECT_EQ(date_time("2013-01-14T10:00:00.1Z", "2013-01-14T10:00:00.123Z"), "match");
  EXPECT_EQ(date_time("2013-01-14T10:00:00.123Z", "2013-01-14T10:00:00.1Z"), "no match");
  EXPECT_EQ(search("Condition?_lastUpdated=2024-05-01T10:00:00Z",
                   R"({"meta":{"lastUpdated":"2024-05-01T10:00:00.999Z"}})"),
            "match");
}

TEST(Date, NearGrowsWithTheDistanceFromNow_Q03) {
  // In 2026 a tenth of the way to 2016 is a year.
  EXPECT_EQ(date_time("ap2016-01-01", "2016-11-01"), "match");
  EXPECT_EQ(date_time("ap2016-01-01", "2017-03-01"), "no match");
  EXPECT_EQ(date_time("ap2025-12-31", "2026-03-01"), "no match");
}

TEST(Date, OfATimingOnlyTheOuterLimitsMatter_Q03) {
  constexpr std::string_view schedule =
      R"({"occurrenceTiming":{"event":["2013-01-31"],"repeat":{"boundsPeriod":
          {"start":"2013-02-10","end":"2013-03-24"}}}})";
  EXPECT_EQ(search("ServiceRequest?occurrence=2013", schedule), "match");
  EXPECT_EQ(search("ServiceRequest?occurrence=sa2013-01-30", schedule), "match");
  EXPECT_EQ(search("ServiceRequest?occurrence=sa2013-01-31", schedule), "no match");
  EXPECT_EQ(search("ServiceRequest?occurrence=eb2013-03-25", schedule), "match");
  EXPECT_EQ(search("ServiceRequest?occurrence=eb2013-03-24", schedule), "no match");
}

TEST(Date, WhatIsNoDateIsRefused) {
  for (const std::string_view value :
       {"13", "2013-1", "2013-02-30", "2013-13", "2013-01-14T10", "2013-01-14T24:00", "x2013",
        "2013-01-14T10:00:61", "2013-01-14T10:00:00.Z", "2013-01-14T10:00+15:00", "gt", "2013Z",
        "2013-01-14T10:00Zx", "gt2013 "}) {
    EXPECT_THAT(refusal("Procedure?date=" + std::string(value)),
                testing::HasSubstr("is not a date"))
        << value;
  }
}

TEST(Date, RangesAreMicroseconds) {
  EXPECT_EQ(parse_date_range("1970"), (DateRange{0, 31536000000000}));
  EXPECT_EQ(parse_date_range("1969-12"), (DateRange{-2678400000000, 0}));
  EXPECT_EQ(parse_date_range("1970-01-01T00:00:01.000000999Z"), (DateRange{1000000, 1000001}));
}

}  // namespace
}  // namespace sluice::search
