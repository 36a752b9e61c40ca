// Exact decimal numbers: 0.1 is a tenth, and 100 and 100.00 differ in what they leave open.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <compare>
#include <optional>
#include <string_view>

namespace sluice::search {

/// mantissa * 10^exponent.
class Decimal {
 public:
  Decimal() = default;
  Decimal(boost::multiprecision::cpp_int mantissa, int exponent)
      : mantissa_(std::move(mantissa)), exponent_(exponent) {}

  /// Reads a JSON number, also with a leading '+' or zeros as they come in queries. nullopt for
  /// anything else and for numbers of more than 300 digits or powers: FHIR's decimals have 18.
  static std::optional<Decimal> parse(std::string_view text);

  /// Half of the last digit's worth: 0.5 for 100, 0.005 for 100.00, 50 for 1e2.
  Decimal half_step() const { return {5, exponent_ - 1}; }
  Decimal tenth() const { return {mantissa_, exponent_ - 1}; }
  Decimal magnitude() const { return {abs(mantissa_), exponent_}; }

  friend Decimal operator+(const Decimal& a, const Decimal& b);
  friend Decimal operator-(const Decimal& a, const Decimal& b);
  friend Decimal operator*(const Decimal& a, const Decimal& b) {
    return {a.mantissa_ * b.mantissa_, a.exponent_ + b.exponent_};
  }
  friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b);
  friend bool operator==(const Decimal& a, const Decimal& b) { return (a <=> b) == 0; }

 private:
  boost::multiprecision::cpp_int mantissa_;
  int exponent_ = 0;
};

}  // namespace sluice::search
