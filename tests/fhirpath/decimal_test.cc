#include "fhirpath/decimal.h"

#include <gtest/gtest.h>

namespace sluice::fhirpath {
namespace {

std::string text(const std::optional<Decimal>& value) {
  return value ? value->to_string() : "none";
}
Decimal number(std::string_view digits) {
  return *Decimal::parse(digits);
}

TEST(Decimals, AreReadWithTheirDigits) {
  EXPECT_EQ(text(Decimal::parse("-0.050")), "-0.050");
  EXPECT_EQ(text(Decimal::parse("1.5e3")), "1500");
  EXPECT_EQ(text(Decimal::parse("1.5E-3")), "0.0015");
  EXPECT_EQ(text(Decimal::parse("0e999")), "0");
  for (const char* wrong : {"", "-", "1.", ".5", "1e", "1e1000", "1x", "--1", "1e999"})
    EXPECT_FALSE(Decimal::parse(wrong)) << wrong;
}

TEST(Decimals, RoundHalfAwayFromZero) {
  EXPECT_EQ(text(number("2.345").rounded(2)), "2.35");
  EXPECT_EQ(text(number("-2.345").rounded(2)), "-2.35");
  EXPECT_EQ(text(divide(number("2"), number("3"))), "0.66666667");
  EXPECT_EQ(text(divide(number("-2"), number("3"))), "-0.66666667");
  EXPECT_EQ(text(divide(number("1"), number("0"))), "none");
}

TEST(Decimals, KeepDigitsAsLongAsTheyFit) {
  const Decimal large = number("999999999999999999999999999999999999");
  EXPECT_EQ(text(add(large, Decimal(1))), "none");
  EXPECT_EQ(text(multiply(number("0.123456789012345678"), number("0.123456789012345678"))),
            "0.015241578753238836527968299765279684");
  EXPECT_EQ(text(multiply(number("1000000000000000000.5"), number("1000000000000000000.5"))),
            "none");
}

TEST(Decimals, CompareByValue) {
  EXPECT_EQ(number("1.10"), number("1.1"));
  EXPECT_LT(number("-1"), number("0.00000001"));
  EXPECT_EQ(number("1.100").significant_scale(), 1);
}

}  // namespace
}  // namespace sluice::fhirpath
