// FHIRPath's decimals: exact, with the number of digits that they were written with.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::fhirpath {

/// mantissa / 10^scale, with at most kDigitsMax digits. Arithmetic is exact, or nullopt where the
/// result has too many digits before its point; digits behind it are rounded where they are too
/// many.
class Decimal {
 public:
  using Mantissa = boost::multiprecision::int128_t;
  /// The standard asks for 28 digits and 8 behind the point.
  static constexpr int kDigitsMax = 36;
  static constexpr int kDivisionScale = 8;

  Decimal() = default;
  explicit Decimal(std::int64_t value) : mantissa_(value) {}
  Decimal(Mantissa mantissa, int scale) : mantissa_(std::move(mantissa)), scale_(scale) {}

  /// [+-]digits[.digits][e[+-]digits]. nullopt for other text and for too many digits.
  static std::optional<Decimal> parse(std::string_view text);

  int scale() const { return scale_; }
  const Mantissa& mantissa() const { return mantissa_; }
  int sign() const { return mantissa_.sign(); }
  bool is_whole() const;
  /// Digits behind the point without the zeros at their end.
  int significant_scale() const { return normalized().scale_; }
  /// The same number without zeros at the end of its fraction.
  Decimal normalized() const;
  std::optional<std::int64_t> to_integer() const;  ///< truncates; nullopt if it does not fit
  std::string to_string() const;

  Decimal negated() const { return {-mantissa_, scale_}; }
  Decimal truncated() const;
  Decimal floor() const;
  Decimal ceiling() const;
  /// Half away from zero, to `scale` digits behind the point.
  Decimal rounded(int scale) const;
  /// Towards minus infinity, or plus, with exactly `scale` digits behind the point.
  std::optional<Decimal> rounded_down(int scale) const;
  std::optional<Decimal> rounded_up(int scale) const;

  friend std::optional<Decimal> add(const Decimal& a, const Decimal& b);
  friend std::optional<Decimal> subtract(const Decimal& a, const Decimal& b);
  friend std::optional<Decimal> multiply(const Decimal& a, const Decimal& b);
  /// Rounded to kDivisionScale digits behind the point. nullopt for a divisor of 0 too.
  friend std::optional<Decimal> divide(const Decimal& a, const Decimal& b);
  friend std::optional<Decimal> remainder(const Decimal& a, const Decimal& b);
  friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b);
  friend bool operator==(const Decimal& a, const Decimal& b) { return (a <=> b) == 0; }

 private:
  Mantissa mantissa_ = 0;
  int scale_ = 0;
};

std::optional<Decimal> add(const Decimal& a, const Decimal& b);
std::optional<Decimal> subtract(const Decimal& a, const Decimal& b);
std::optional<Decimal> multiply(const Decimal& a, const Decimal& b);
std::optional<Decimal> divide(const Decimal& a, const Decimal& b);
std::optional<Decimal> remainder(const Decimal& a, const Decimal& b);

/// The functions whose results have no end, to kDivisionScale digits. nullopt where they are not
/// defined or too large.
std::optional<Decimal> exp(const Decimal& value);
std::optional<Decimal> ln(const Decimal& value);
std::optional<Decimal> log(const Decimal& value, const Decimal& base);
std::optional<Decimal> power(const Decimal& value, const Decimal& exponent);
std::optional<Decimal> sqrt(const Decimal& value);

}  // namespace sluice::fhirpath
