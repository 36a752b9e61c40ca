#include "fhirpath/temporal.h"

#include <gtest/gtest.h>

namespace sluice::fhirpath {
namespace {

Temporal moment(std::string_view text) {
  return *Temporal::parse_date_time(text);
}

TEST(Temporals, AreCheckedByTheCalendar) {
  EXPECT_TRUE(Temporal::parse_date("2016-02-29"));
  for (const char* wrong :
       {"2015-02-29", "2015-13", "2015-00", "0000", "2015-1", "15", "2015-01-01T"})
    EXPECT_FALSE(Temporal::parse_date(wrong)) << wrong;
  for (const char* wrong : {"2015-01-01T24:00", "2015T10", "2015-01-01T10:60",
                            "2015-01-01T10:00+15:00", "2015-01-01T10:00Zx", "2015-01-01T1"})
    EXPECT_FALSE(Temporal::parse_date_time(wrong)) << wrong;
}

TEST(Temporals, AreWrittenAsTheyWereRead) {
  for (const char* text :
       {"2015", "2015-02-04T14", "2015-02-04T14:34:28.1234-00:30", "0099-01-01T00:00Z"})
    EXPECT_EQ(moment(text).to_string(), text);
}

TEST(Temporals, CompareAcrossZonesAndMidnight) {
  EXPECT_EQ(compare(moment("2012-12-31T23:30:00-01:00"), moment("2013-01-01T00:30:00Z")), 0);
  EXPECT_EQ(compare(moment("2012-12-31T23:30:00Z"), moment("2013-01-01T00:30:00+02:00")), 1);
  EXPECT_EQ(compare(moment("2012-01-02"), moment("2012-01-01T23:00:00Z")), std::nullopt);
  EXPECT_EQ(compare(moment("2012-01-03"), moment("2012-01-01T23:00:00Z")), 1);
}

TEST(Temporals, MoveAcrossTheEndsOfMonthsAndYears) {
  EXPECT_EQ(moment("2012-02-29").moved(Decimal(1), TimeUnit::kYear)->to_string(), "2013-02-28");
  EXPECT_EQ(moment("2012-01-31").moved(Decimal(-11), TimeUnit::kMonth)->to_string(), "2011-02-28");
  EXPECT_EQ(moment("2012-01-01T00:00:00Z").moved(Decimal(-1), TimeUnit::kMillisecond)->to_string(),
            "2011-12-31T23:59:59.999Z");
  EXPECT_FALSE(moment("9999-12-31").moved(Decimal(1), TimeUnit::kDay));
  EXPECT_FALSE(moment("0001-01-01").moved(Decimal(-1), TimeUnit::kYear));
}

}  // namespace
}  // namespace sluice::fhirpath
