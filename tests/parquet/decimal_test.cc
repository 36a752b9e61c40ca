// Decimals as numbers without their point.
#include <gtest/gtest.h>

#include "parquet/table_writer.h"

namespace sluice::parquet {
namespace {

std::int64_t scaled(std::string_view text, int precision, int scale) {
  return static_cast<std::int64_t>(decimal_of(text, precision, scale).value());
}

TEST(Decimal, IsScaledWithoutLoss) {
  EXPECT_EQ(scaled("1.5", 10, 2), 150);
  EXPECT_EQ(scaled("-0.07", 10, 2), -7);
  EXPECT_EQ(scaled("12", 10, 2), 1200);
  EXPECT_EQ(scaled("0.000", 10, 2), 0);
  EXPECT_EQ(scaled("1.2300", 3, 2), 123);
  EXPECT_EQ(scaled("12e-1", 10, 2), 120);
  EXPECT_EQ(scaled("1.2E+3", 10, 2), 120000);
  EXPECT_EQ(scaled("99999999.99", 10, 2), 9999999999);
  EXPECT_EQ(decimal_of("12345678901234567890123456789012345678", 38, 0).value() % 1000, 678);
}

TEST(Decimal, ThatDoesNotFitIsRefused) {
  EXPECT_FALSE(decimal_of("1.005", 10, 2));
  EXPECT_FALSE(decimal_of("100000000.00", 10, 2));
  EXPECT_FALSE(decimal_of("123456789012345678901234567890123456789", 38, 0));
  EXPECT_FALSE(decimal_of("1e38", 38, 0));
}

TEST(Decimal, ThatIsNoneIsRefused) {
  for (const char* text :
       {"", "-", ".5", "5.", "1e", "1e+", "1e--1", "+1", "1 ", "1.2.3", "NaN", "1e99999", "0x1"})
    EXPECT_FALSE(decimal_of(text, 38, 2)) << text;
}

}  // namespace
}  // namespace sluice::parquet
