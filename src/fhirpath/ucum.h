// Units of measure as UCUM writes them: what they are in base units, and their products.
#pragma once

#include <array>
#include <boost/multiprecision/cpp_int.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::fhirpath {

using Rational = boost::multiprecision::cpp_rational;

/// A unit whose atoms are in the table of ucum.cc: metric, times, and those of the United States
/// that medicine uses. Arbitrary units ([iU]) are not: nothing converts to them.
class UcumUnit {
 public:
  /// nullopt for what is no unit, or one that is not known.
  static std::optional<UcumUnit> parse(std::string_view text);

  /// Meters, seconds, grams, radians, kelvins, coulombs, candelas.
  using Dimensions = std::array<int, 7>;
  const Dimensions& dimensions() const { return dimensions_; }
  bool commensurable(const UcumUnit& other) const { return dimensions_ == other.dimensions_; }
  /// On a scale with a zero of its own: Cel, [degF].
  bool is_special() const { return offset_ != 0; }
  /// Whether it is made of 'a' or 'mo', which are not exactly a calendar's year and month.
  bool has_mean_years() const;

  Rational to_base(const Rational& value) const { return (value + offset_) * factor_; }
  Rational from_base(const Rational& value) const { return value / factor_ - offset_; }
  const Rational& factor() const { return factor_; }

  UcumUnit times(const UcumUnit& other) const;
  UcumUnit inverse() const;
  /// "cm2", "m/s"; "1" for none.
  std::string to_string() const;

 private:
  friend class UcumParser;
  std::map<std::string, int, std::less<>> atoms_;  // with their prefixes, and exponents
  Rational number_ = 1;                            // written in the unit: 100 of "100.m"
  Rational factor_ = 1;
  Rational offset_ = 0;
  Dimensions dimensions_{};
};

}  // namespace sluice::fhirpath
