#include "fhirpath/decimal.h"

#include <boost/multiprecision/cpp_dec_float.hpp>
#include <limits>
#include <utility>

namespace sluice::fhirpath {
namespace {

namespace mp = boost::multiprecision;
using Wide = mp::int512_t;
using Real = mp::cpp_dec_float_100;

Wide power_of_ten(int exponent) {
  Wide result = 1;
  for (; exponent > 0; --exponent) result *= 10;
  return result;
}

const Wide& largest() {
  static const Wide value = power_of_ten(Decimal::kDigitsMax) - 1;
  return value;
}

/// Half away from zero.
Wide divide_rounding(const Wide& value, const Wide& by) {
  Wide quotient = value / by;
  const Wide rest = abs(Wide(value - quotient * by));
  if (rest * 2 >= abs(by)) quotient += (value.sign() < 0) == (by.sign() < 0) ? 1 : -1;
  return quotient;
}

/// A result that may have too many digits.
std::optional<Decimal> fitted(Wide mantissa, int scale) {
  while (abs(mantissa) > largest() && scale > 0) {
    mantissa = divide_rounding(mantissa, 10);
    --scale;
  }
  if (abs(mantissa) > largest()) return std::nullopt;
  return Decimal(static_cast<Decimal::Mantissa>(mantissa), scale);
}

/// Both mantissas for the larger of the scales. Scales are at most kDigitsMax + kDivisionScale.
std::pair<Wide, Wide> aligned(const Decimal& a, const Decimal& b) {
  const int scale = std::max(a.scale(), b.scale());
  return {Wide(a.mantissa()) * power_of_ten(scale - a.scale()),
          Wide(b.mantissa()) * power_of_ten(scale - b.scale())};
}

Real real(const Decimal& value) {
  return Real(value.mantissa().str()) / pow(Real(10), value.scale());
}

std::optional<Decimal> from_real(const Real& value) {
  if (!(boost::math::isfinite)(value) || abs(value) > Real("1e27")) return std::nullopt;
  const Real scaled = value * Real("1e8");
  const Real whole = scaled < 0 ? ceil(scaled - Real("0.5")) : floor(scaled + Real("0.5"));
  return Decimal(static_cast<Decimal::Mantissa>(mp::cpp_int(whole)), Decimal::kDivisionScale)
      .normalized();
}

bool read_exponent(std::string_view text, int& scale) {
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || text.size() > 3) return false;
  int exponent = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    exponent = exponent * 10 + (c - '0');
  }
  scale += negative ? exponent : -exponent;
  return true;
}

}  // namespace

std::optional<Decimal> Decimal::parse(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  Wide mantissa = 0;
  int scale = 0;
  std::size_t at = 0;
  std::size_t digits = 0;
  std::size_t before_point = 0;
  bool behind_point = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !behind_point && digits > 0) {
      behind_point = true;
      before_point = digits;
      continue;
    }
    if (c < '0' || c > '9') break;
    if (++digits > 2 * static_cast<std::size_t>(kDigitsMax)) return std::nullopt;
    mantissa = mantissa * 10 + (c - '0');
    if (behind_point) ++scale;
  }
  if (digits == 0 || (behind_point && digits == before_point)) return std::nullopt;
  if (!read_exponent(text.substr(at), scale)) return std::nullopt;
  if (negative) mantissa = -mantissa;
  if (scale < 0) {
    if (scale < -kDigitsMax && mantissa != 0) return std::nullopt;
    mantissa *= power_of_ten(std::min(-scale, kDigitsMax));
    scale = 0;
  }
  if (scale > kDigitsMax) return std::nullopt;
  if (abs(mantissa) > largest()) return std::nullopt;
  return Decimal(static_cast<Mantissa>(mantissa), scale);
}

bool Decimal::is_whole() const {
  return normalized().scale_ == 0;
}

Decimal Decimal::normalized() const {
  Decimal result = *this;
  while (result.scale_ > 0 && result.mantissa_ % 10 == 0) {
    result.mantissa_ /= 10;
    --result.scale_;
  }
  return result;
}

std::optional<std::int64_t> Decimal::to_integer() const {
  const Mantissa whole = truncated().mantissa_;
  if (whole > std::numeric_limits<std::int64_t>::max() ||
      whole < std::numeric_limits<std::int64_t>::min())
    return std::nullopt;
  return static_cast<std::int64_t>(whole);
}

std::string Decimal::to_string() const {
  std::string text = Mantissa(abs(mantissa_)).str();
  if (scale_ > 0) {
    const auto scale = static_cast<std::size_t>(scale_);
    if (text.size() <= scale) text.insert(0, scale + 1 - text.size(), '0');
    text.insert(text.size() - scale, 1, '.');
  }
  return mantissa_ < 0 ? "-" + text : text;
}

Decimal Decimal::truncated() const {
  return {static_cast<Mantissa>(Wide(mantissa_) / power_of_ten(scale_)), 0};
}

Decimal Decimal::floor() const {
  const Decimal whole = truncated();
  return whole > *this ? Decimal(whole.mantissa_ - 1, 0) : whole;
}

Decimal Decimal::ceiling() const {
  const Decimal whole = truncated();
  return whole < *this ? Decimal(whole.mantissa_ + 1, 0) : whole;
}

Decimal Decimal::rounded(int scale) const {
  if (scale_ <= scale) return *this;
  return {static_cast<Mantissa>(divide_rounding(Wide(mantissa_), power_of_ten(scale_ - scale))),
          scale};
}

std::optional<Decimal> Decimal::rounded_down(int scale) const {
  if (scale >= scale_) return fitted(Wide(mantissa_) * power_of_ten(scale - scale_), scale);
  const Wide by = power_of_ten(scale_ - scale);
  Wide quotient = Wide(mantissa_) / by;
  if (mantissa_ < 0 && quotient * by != Wide(mantissa_)) quotient -= 1;
  return Decimal(static_cast<Mantissa>(quotient), scale);
}

std::optional<Decimal> Decimal::rounded_up(int scale) const {
  const auto down = negated().rounded_down(scale);
  return down ? std::optional(down->negated()) : std::nullopt;
}

std::optional<Decimal> add(const Decimal& a, const Decimal& b) {
  const auto [left, right] = aligned(a, b);
  return fitted(left + right, std::max(a.scale_, b.scale_));
}

std::optional<Decimal> subtract(const Decimal& a, const Decimal& b) {
  return add(a, b.negated());
}

std::optional<Decimal> multiply(const Decimal& a, const Decimal& b) {
  return fitted(Wide(a.mantissa_) * Wide(b.mantissa_), a.scale_ + b.scale_);
}

std::optional<Decimal> divide(const Decimal& a, const Decimal& b) {
  if (b.mantissa_ == 0) return std::nullopt;
  const auto [left, right] = aligned(a, b);
  const Wide quotient = divide_rounding(left * power_of_ten(Decimal::kDivisionScale), right);
  const auto result = fitted(quotient, Decimal::kDivisionScale);
  return result ? std::optional(result->normalized()) : std::nullopt;
}

std::optional<Decimal> remainder(const Decimal& a, const Decimal& b) {
  if (b.mantissa_ == 0) return std::nullopt;
  const auto [left, right] = aligned(a, b);
  return fitted(left % right, std::max(a.scale_, b.scale_));
}

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
  if (a.scale_ == b.scale_) {
    const int order = a.mantissa_.compare(b.mantissa_);
    return order <=> 0;
  }
  const auto [left, right] = aligned(a, b);
  return left.compare(right) <=> 0;
}

std::optional<Decimal> exp(const Decimal& value) {
  if (value > Decimal(100)) return std::nullopt;
  if (value < Decimal(-100)) return Decimal();
  return from_real(mp::exp(real(value)));
}

std::optional<Decimal> ln(const Decimal& value) {
  if (value.sign() <= 0) return std::nullopt;
  return from_real(mp::log(real(value)));
}

std::optional<Decimal> log(const Decimal& value, const Decimal& base) {
  if (value.sign() <= 0 || base.sign() <= 0 || base == Decimal(1)) return std::nullopt;
  return from_real(mp::log(real(value)) / mp::log(real(base)));
}

std::optional<Decimal> power(const Decimal& value, const Decimal& exponent) {
  if (value.sign() == 0) {
    if (exponent.sign() < 0) return std::nullopt;
    return exponent.sign() == 0 ? Decimal(1) : Decimal();
  }
  if (value.sign() < 0 && !exponent.is_whole()) return std::nullopt;
  const Real size = mp::log(abs(real(value))) * real(exponent);
  if (size > 64) return std::nullopt;
  if (size < -64) return Decimal();
  if (exponent.is_whole() && exponent.sign() > 0 && exponent <= Decimal(256)) {
    Decimal result(1);  // exact while the digits fit
    for (auto left = *exponent.to_integer(); left > 0; --left) {
      const auto next = multiply(result, value);
      if (!next) return std::nullopt;
      result = *next;
    }
    return result;
  }
  const bool odd = value.sign() < 0 && *remainder(exponent, Decimal(2)) != Decimal();
  const auto result = from_real(mp::exp(size));
  return result && odd ? std::optional(result->negated()) : result;
}

std::optional<Decimal> sqrt(const Decimal& value) {
  if (value.sign() < 0) return std::nullopt;
  return from_real(mp::sqrt(real(value)));
}

}  // namespace sluice::fhirpath
