// Instants as FHIR and HTTP write them.
#include "base/instant.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Instant, IsWrittenWithMillisecondsInUtc) {
  EXPECT_EQ(to_fhir_instant({0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_fhir_instant({1795428930125}), "2026-11-23T10:15:30.125Z");
  EXPECT_EQ(to_fhir_instant({-1}), "1969-12-31T23:59:59.999Z");
}

TEST(Instant, IsWrittenAsHttpDate) {
  EXPECT_EQ(to_http_date({1795428930125}), "Mon, 23 Nov 2026 10:15:30 GMT");
  EXPECT_EQ(parse_http_date("Mon, 23 Nov 2026 10:15:30 GMT")->milliseconds, 1795428930000);
  for (const char* bad : {"", "Mon, 23 Nov 2026 10:15:30", "Mon, 32 Nov 2026 10:15:30 GMT",
                          "Mon, 23 Foo 2026 10:15:30 GMT", "2026-11-23T10:15:30Z"})
    EXPECT_FALSE(parse_http_date(bad)) << bad;
}

// P-02: every form of an instant, and what clients send instead.
TEST(Instant, IsReadInEveryFormThatClientsSend) {
  const struct {
    const char* text;
    const char* same_as;
  } cases[] = {
      {"2026-11-23T10:15:30Z", "2026-11-23T10:15:30.000Z"},
      {"2026-11-23T10:15:30.1Z", "2026-11-23T10:15:30.100Z"},
      {"2026-11-23T10:15:30.123456789Z", "2026-11-23T10:15:30.123Z"},
      {"2026-11-23T10:15:30+02:00", "2026-11-23T08:15:30.000Z"},
      {"2026-11-23T10:15:30 02:00", "2026-11-23T08:15:30.000Z"},  // '+' not escaped in a query
      {"2026-11-23T10:15:30-05:30", "2026-11-23T15:45:30.000Z"},
      {"2026-11-23T10:15:30", "2026-11-23T10:15:30.000Z"},
      {"2026-11-23T10:15Z", "2026-11-23T10:15:00.000Z"},
      {"2026-11-23", "2026-11-23T00:00:00.000Z"},
      {"2026-11", "2026-11-01T00:00:00.000Z"},
      {"2026", "2026-01-01T00:00:00.000Z"},
      {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"},  // a leap second
      {"2024-02-29", "2024-02-29T00:00:00.000Z"},
  };
  for (const auto& c : cases) {
    const auto instant = parse_fhir_instant(c.text);
    ASSERT_TRUE(instant) << c.text;
    EXPECT_EQ(to_fhir_instant(*instant), c.same_as) << c.text;
  }
}

TEST(Instant, RefusesWhatIsNotOne) {
  for (const char* bad :
       {"", "now", "20", "2026-13", "2026-00-01", "2026-02-30", "2025-02-29", "2026-11-23T",
        "2026-11-23T10", "2026-11-23T25:00:00Z", "2026-11-23T10:61:00Z", "2026-11-23T10:15:30.Z",
        "2026-11-23T10:15:30+2", "2026-11-23T10:15:30+15:00", "2026-11-23T10:15:30ZZ",
        "2026-11-23 10:15:30Z", "0000-01-01", "2026-11-23T10:15:30Z "})
    EXPECT_FALSE(parse_fhir_instant(bad)) << bad;
}

TEST(Instant, NamesTheBadValueButNotAllOfALongOne) {
  EXPECT_NE(parse_fhir_instant("yesterday").error().message.find("yesterday"), std::string::npos);
  EXPECT_LT(parse_fhir_instant(std::string(10'000, 'x')).error().message.size(), 200u);
}

}  // namespace
}  // namespace sluice
