// Units: UCUM's and the calendar's (FHIRPath, Quantity Equality, Equivalence, Math).
#include "fhirpath/quantity.h"

#include <gtest/gtest.h>

#include "evaluating.h"
#include "fhirpath/ucum.h"

namespace sluice::fhirpath {
namespace {

TEST(Ucum, ReadsUnits) {
  EXPECT_EQ(UcumUnit::parse("kg.m/s2")->factor(), 1000);
  EXPECT_EQ(UcumUnit::parse("mm[Hg]")->factor(),
            UcumUnit::parse("Pa")->factor() * Rational(133322, 1000));
  EXPECT_TRUE(UcumUnit::parse("mmol/L")->commensurable(*UcumUnit::parse("umol/dL")));
  EXPECT_TRUE(UcumUnit::parse("10*3/uL")->commensurable(*UcumUnit::parse("/L")));
  EXPECT_EQ(UcumUnit::parse("{score}")->factor(), 1);
  EXPECT_EQ(UcumUnit::parse("m/(s.g)")->to_string(), "m/g/s");
  for (const char* wrong : {"", "kk", "m//s", "m.", "(m", "{x", "[iU]", "m999", "0", "kCel2"})
    EXPECT_FALSE(UcumUnit::parse(wrong)) << wrong;
}

TEST(Quantities, AreEqualInOtherUnits) {
  EXPECT_EQ(eval("1 'cm' = 10.0 'mm'"), "true");
  EXPECT_EQ(eval("1 'cm' = 1 'm'"), "false");
  EXPECT_EQ(eval("1 'cm' = 1 's'"), "{}");
  EXPECT_EQ(eval("23 'Cel' = 73.4 '[degF]'"), "true");
  EXPECT_EQ(eval("1 '[lb_av]' = 453.59237 'g'"), "true");
  EXPECT_EQ(eval("5 '[iU]' = 5 '[iU]'"), "true");
  EXPECT_EQ(eval("5 '[iU]' = 5 'mg'"), "{}");
  EXPECT_EQ(eval("23 = 23 '1'"), "true");
}

TEST(Quantities, OfTimeKeepTheCalendarApartFromUcum) {
  EXPECT_EQ(eval("1 hour = 3600 's'"), "true");
  EXPECT_EQ(eval("1 year = 1 'a'"), "{}");
  EXPECT_EQ(eval("1 year ~ 1 'a'"), "true");
  EXPECT_EQ(eval("1 year.toQuantity('a') = 1 'a'"), "true");
  EXPECT_EQ(eval("1 year = 12 months"), "true");
  EXPECT_EQ(eval("1 year = 12 'mo'"), "{}");
  EXPECT_EQ(eval("1 week = 7 'd'"), "true");
  EXPECT_EQ(eval("1 month = 30 days"), "true");
  EXPECT_EQ(eval("6 months > 1 year"), "false");
  EXPECT_EQ(eval("1 year > 1 'a'"), "{}");
}

TEST(Quantities, AreEquivalentAfterRounding) {
  EXPECT_EQ(eval("2.1 'cm' ~ 21 'mm'"), "true");
  EXPECT_EQ(eval("21 'mm' ~ 2 'cm'"), "true");
  EXPECT_EQ(eval("4 'g' ~ 4040 'mg'"), "true");
  EXPECT_EQ(eval("1 '[in_i]' ~ 2.5 'cm'"), "true");
  EXPECT_EQ(eval("1 year ~ 11 months"), "true");
  EXPECT_EQ(eval("4 'g' ~ 4000 's'"), "false");
}

TEST(Quantities, AreComputedWith) {
  const auto text = [](std::string_view expression) {
    return eval("(" + std::string(expression) + ").toString()");
  };
  EXPECT_EQ(text("12 'cm' * 3 'cm'"), R"("36 'cm2'")");
  EXPECT_EQ(text("10 'm/s' * 10 's'"), R"("100 'm'")");
  EXPECT_EQ(text("3 * 2 'cm'"), R"("6 'cm'")");
  EXPECT_EQ(text("4.0 'g' / 2.0 'm'"), R"("2 'g/m'")");
  EXPECT_EQ(text("1 'm' / 1 'm'"), R"("1 '1'")");
  EXPECT_EQ(text("3 'm' + 3 'cm'"), R"("303 'cm'")");
  EXPECT_EQ(text("3 'cm' - 3 'm'"), R"("-297 'cm'")");
  EXPECT_EQ(text("60 's' + 2 minutes"), R"("180 seconds")");
  EXPECT_EQ(text("1 'wk' + 2 days"), R"("9 days")");
  EXPECT_EQ(text("1 year + 12 months"), "{}");
  EXPECT_EQ(text("2 + 2 'cm'"), "{}");
  EXPECT_EQ(text("12 days * 45 'm'"), "{}");
}

}  // namespace
}  // namespace sluice::fhirpath
