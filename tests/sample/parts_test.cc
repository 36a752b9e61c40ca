// The small parts the sample is made with: random numbers, dates, JSON.
#include <gtest/gtest.h>

#include "sample/calendar.h"
#include "sample/fhir_writer.h"
#include "sample/json_writer.h"
#include "sample/names.h"
#include "sample/random.h"

namespace sluice::sample {
namespace {

using namespace std::chrono_literals;

std::string written(void (*write)(JsonWriter&)) {
  std::string out;
  JsonWriter json(out);
  write(json);
  return out;
}

TEST(SampleRandom, GivesTheSameSequenceEverywhere) {
  // From an implementation of splitmix64 and xoshiro256** in another language.
  Random random(1, Stream::kPerson, 0);
  EXPECT_EQ(random.next(), 0x897ee40332bb17a6ULL);
  EXPECT_EQ(random.next(), 0xc039a2c65ee55dfaULL);
  EXPECT_EQ(random.id().view(), "df078dc5-20d2-47a0-a9f4-1594926e9cfd");
}

TEST(SampleRandom, StaysWithinItsBounds) {
  Random random(7, Stream::kChart, 3);
  bool low = false;
  bool high = false;
  for (int i = 0; i < 10'000; ++i) {
    const int value = random.between(-3, 4);
    ASSERT_GE(value, -3);
    ASSERT_LE(value, 4);
    low |= value == -3;
    high |= value == 4;
  }
  EXPECT_TRUE(low);
  EXPECT_TRUE(high);
}

TEST(SampleRandom, MakesIdsOfTheFormOfAUuid) {
  Random random(7, Stream::kChart, 4);
  for (int i = 0; i < 100; ++i) {
    const Id id = random.id();
    EXPECT_EQ(id.view()[8], '-');
    EXPECT_EQ(id.view()[14], '4');
    EXPECT_NE(std::string_view("89ab").find(id.view()[19]), std::string_view::npos);
  }
}

TEST(SampleCalendar, WritesDatesWithTheirOffset) {
  const Moment moment{LocalDay{2024y / 2 / 29} + 7h + 5min + 9s, -300min};
  std::string text;
  append_date(text, day_of(moment));
  text += ' ';
  append_date_time(text, moment);
  text += ' ';
  append_date_time(text, {LocalDay{1999y / 12 / 31} + 23h, 345min});
  text += ' ';
  append_date_time(text, {LocalDay{1970y / 1 / 1}, 0min});
  EXPECT_EQ(text,
            "2024-02-29 2024-02-29T07:05:09-05:00 1999-12-31T23:00:00+05:45 1970-01-01T00:00:00Z");
}

TEST(SampleCalendar, WritesInstantsWithMilliseconds) {
  std::string text;
  append_instant(text, {LocalDay{2024y / 2 / 29} + 7h, -300min});
  EXPECT_EQ(text.substr(0, 20), "2024-02-29T07:00:00.");
  EXPECT_EQ(text.substr(23), "-05:00");
}

TEST(SampleCalendar, CountsFullYears) {
  EXPECT_EQ(age_at(LocalDay{2000y / 6 / 15}, LocalDay{2020y / 6 / 14}), 19);
  EXPECT_EQ(age_at(LocalDay{2000y / 6 / 15}, LocalDay{2020y / 6 / 15}), 20);
  EXPECT_EQ(age_at(LocalDay{2000y / 6 / 15}, LocalDay{1999y / 1 / 1}), 0);
}

TEST(SampleJson, KeepsTheDigitsOfADecimal) {
  EXPECT_EQ(written([](JsonWriter& json) {
              json.decimal("a", {150, 2});
              json.decimal("b", {5, 2});
              json.decimal("c", {-1204, 3});
              json.decimal("d", {0, 1});
              json.decimal("e", {72, 0});
              json.decimal("f", {-7, 1});
            }),
            R"("a":1.50,"b":0.05,"c":-1.204,"d":0.0,"e":72,"f":-0.7)");
}

TEST(SampleJson, EscapesWhatHasToBeEscaped) {
  EXPECT_EQ(written([](JsonWriter& json) {
              json.text("k",
                        "a\"b\\c\nd\te\x01"
                        "f\u00e9\U0001F98A");
            }),
            "\"k\":\"a\\\"b\\\\c\\nd\\te\\u0001f\u00e9\U0001F98A\"");
}

TEST(SampleJson, SetsCommasBetweenMembersAndItems) {
  EXPECT_EQ(written([](JsonWriter& json) {
              json.open("o");
              json.open_array("l");
              json.text_item("x");
              json.number_item(2);
              json.open_item();
              json.boolean("t", true);
              json.close();
              json.close_array();
              json.number("n", -3);
              json.close();
              json.verbatim("e", "1.20E+3");
            }),
            R"("o":{"l":["x",2,{"t":true}],"n":-3},"e":1.20E+3)");
}

TEST(SampleJson, WritesReferencesAndConcepts) {
  EXPECT_EQ(written([](JsonWriter& json) {
              write_reference(json, "subject", {Type::kPatient, "p1", "A"});
              write_concept_list(json, "code", {kLoinc, "8867-4", "Heart rate"});
              write_money(json, "net", 14050);
            }),
            R"("subject":{"reference":"Patient/p1","display":"A"},)"
            R"("code":[{"coding":[{"system":"http://loinc.org","code":"8867-4",)"
            R"("display":"Heart rate"}],"text":"Heart rate"}],)"
            R"("net":{"value":140.50,"currency":"USD"})");
}

TEST(SampleNames, ShareAThousandBetweenTheirPools) {
  int sum = 0;
  for (const NamePool& pool : name_pools()) sum += pool.weight;
  EXPECT_EQ(sum, 1000);
}

}  // namespace
}  // namespace sluice::sample
