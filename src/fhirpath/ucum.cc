#include "fhirpath/ucum.h"

#include <iterator>

namespace sluice::fhirpath {
namespace {

struct Atom {
  std::string_view symbol;
  bool is_metric;
  std::string_view value;  // a decimal, "a/b" or a power "1e23" of the unit behind it
  std::string_view unit;   // made of atoms above
};

// From the tables of UCUM 2.1.
constexpr std::string_view kBases[] = {"m", "s", "g", "rad", "K", "C", "cd"};
constexpr Atom kAtoms[] = {
    {"10*", false, "10", ""},
    {"10^", false, "10", ""},
    {"%", false, "1/100", ""},
    {"[ppth]", false, "1/1000", ""},
    {"[ppm]", false, "1/1000000", ""},
    {"[ppb]", false, "1/1000000000", ""},
    {"mol", true, "602213670000000000000000", ""},
    {"eq", true, "1", "mol"},
    {"osm", true, "1", "mol"},
    {"sr", true, "1", "rad2"},
    {"min", false, "60", "s"},
    {"h", false, "60", "min"},
    {"d", false, "24", "h"},
    {"wk", false, "7", "d"},
    {"a", false, "1461/4", "d"},
    {"a_j", false, "1461/4", "d"},
    {"mo", false, "1/12", "a"},
    {"mo_j", false, "1/12", "a"},
    {"Hz", true, "1", "/s"},
    {"Bq", true, "1", "/s"},
    {"N", true, "1000", "g.m/s2"},
    {"Pa", true, "1", "N/m2"},
    {"J", true, "1", "N.m"},
    {"W", true, "1", "J/s"},
    {"A", true, "1", "C/s"},
    {"V", true, "1", "J/C"},
    {"Ohm", true, "1", "V/A"},
    {"S", true, "1", "/Ohm"},
    {"F", true, "1", "C/V"},
    {"Wb", true, "1", "V.s"},
    {"T", true, "1", "Wb/m2"},
    {"H", true, "1", "Wb/A"},
    {"lm", true, "1", "cd.sr"},
    {"lx", true, "1", "lm/m2"},
    {"Gy", true, "1/1000", "J/g"},
    {"Sv", true, "1/1000", "J/g"},
    {"kat", true, "1", "mol/s"},
    {"U", true, "1/1000000", "mol/min"},
    {"l", true, "1/1000", "m3"},
    {"L", true, "1/1000", "m3"},
    {"ar", true, "100", "m2"},
    {"t", true, "1000000", "g"},
    {"u", true, "16605402/10000000000000000000000000000000", "g"},
    {"bar", true, "100000", "Pa"},
    {"atm", false, "101325", "Pa"},
    {"m[Hg]", true, "133322", "Pa"},
    {"m[H2O]", true, "980665/100", "Pa"},
    {"cal", true, "4184/1000", "J"},
    {"[Cal]", false, "4184", "J"},
    {"[in_i]", false, "254/10000", "m"},
    {"[ft_i]", false, "12", "[in_i]"},
    {"[yd_i]", false, "3", "[ft_i]"},
    {"[mi_i]", false, "5280", "[ft_i]"},
    {"[nmi_i]", false, "1852", "m"},
    {"[gr]", false, "6479891/100000000", "g"},
    {"[lb_av]", false, "7000", "[gr]"},
    {"[oz_av]", false, "1/16", "[lb_av]"},
    {"[lb_tr]", false, "5760", "[gr]"},
    {"[oz_tr]", false, "480", "[gr]"},
    {"[gal_us]", false, "231", "[in_i]3"},
    {"[qt_us]", false, "1/4", "[gal_us]"},
    {"[pt_us]", false, "1/8", "[gal_us]"},
    {"[cup_us]", false, "1/16", "[gal_us]"},
    {"[foz_us]", false, "1/128", "[gal_us]"},
    {"[tbs_us]", false, "1/256", "[gal_us]"},
    {"[tsp_us]", false, "1/768", "[gal_us]"},
    {"Cel", true, "1", "K"},
    {"[degF]", false, "5/9", "K"},
};

struct Prefix {
  std::string_view symbol;
  int exponent;
};
constexpr Prefix kPrefixes[] = {{"da", 1},  {"Y", 24},  {"Z", 21},  {"E", 18},  {"P", 15},
                                {"T", 12},  {"G", 9},   {"M", 6},   {"k", 3},   {"h", 2},
                                {"d", -1},  {"c", -2},  {"m", -3},  {"u", -6},  {"n", -9},
                                {"p", -12}, {"f", -15}, {"a", -18}, {"z", -21}, {"y", -24}};

constexpr int kDepthMax = 16;
constexpr int kExponentMax = 64;

Rational raised(const Rational& value, int exponent) {
  Rational result = 1;
  for (int i = std::abs(exponent); i > 0; --i) result *= value;
  return exponent < 0 ? Rational(1 / result) : result;
}

const Atom* find_atom(std::string_view symbol) {
  for (const auto& atom : kAtoms)
    if (atom.symbol == symbol) return &atom;
  return nullptr;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

/// Recursive descent over the terms of a unit.
class UcumParser {
 public:
  explicit UcumParser(std::string_view text, int depth) : text_(text), depth_(depth) {}

  std::optional<UcumUnit> whole() {
    auto unit = term();
    if (!unit || at_ != text_.size() || failed_) return std::nullopt;
    // A scale with a zero of its own stands for itself only.
    const bool alone = unit->atoms_.size() == 1 && unit->atoms_.begin()->second == 1;
    if (unit->offset_ != 0 && (!alone || unit->number_ != 1)) return std::nullopt;
    return unit;
  }

 private:
  std::optional<UcumUnit> term() {
    UcumUnit result;
    bool divides = accept('/');
    for (;;) {
      auto part = component();
      if (!part) return std::nullopt;
      result = result.times(divides ? part->inverse() : *part);
      divides = accept('/');
      if (!divides && !accept('.')) return result;
    }
  }

  std::optional<UcumUnit> component() {
    if (accept('(')) {
      if (++depth_ > kDepthMax) return std::nullopt;
      auto inner = term();
      --depth_;
      return inner && accept(')') ? inner : std::nullopt;
    }
    if (annotation()) return UcumUnit();
    if (failed_) return std::nullopt;
    UcumUnit unit;
    if (at_ < text_.size() && is_digit(text_[at_]) && text_.substr(at_, 3) != "10*" &&
        text_.substr(at_, 3) != "10^") {
      const auto value = number();
      if (!value || *value == 0) return std::nullopt;
      unit.number_ = unit.factor_ = *value;
    } else {
      auto simple = symbol();
      if (!simple) return std::nullopt;
      unit = *simple;
    }
    annotation();
    return unit;
  }

  bool accept(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  /// {anything}: says what is counted, and means nothing.
  bool annotation() {
    if (!accept('{')) return false;
    const std::size_t end = text_.find('}', at_);
    failed_ = end == std::string_view::npos;
    at_ = failed_ ? text_.size() : end + 1;
    return !failed_;
  }

  std::optional<int> number() {
    int value = 0;
    const std::size_t begin = at_;
    for (; at_ < text_.size() && is_digit(text_[at_]); ++at_) {
      value = value * 10 + (text_[at_] - '0');
      if (value > 1'000'000) return std::nullopt;
    }
    return at_ > begin ? std::optional(value) : std::nullopt;
  }

  /// An atom with its prefix and exponent.
  std::optional<UcumUnit> symbol() {
    const std::size_t begin = at_;
    if (text_.substr(at_, 3) == "10*" || text_.substr(at_, 3) == "10^") {
      at_ += 3;
    } else {
      while (at_ < text_.size() && !is_digit(text_[at_]) &&
             std::string_view("./(){}+-").find(text_[at_]) == std::string_view::npos) {
        if (text_[at_] == '[') at_ = std::min(text_.find(']', at_), text_.size() - 1);
        ++at_;
      }
    }
    const std::string_view name = text_.substr(begin, at_ - begin);
    if (name.empty()) return std::nullopt;
    auto unit = atom(name);
    if (!unit) return std::nullopt;
    int exponent = 1;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-' || is_digit(text_[at_]))) {
      const bool negative = text_[at_] == '-';
      if (!is_digit(text_[at_])) ++at_;
      const auto value = number();
      if (!value || *value == 0 || *value > kExponentMax) return std::nullopt;
      exponent = negative ? -*value : *value;
    }
    if (exponent == 1) return unit;
    if (unit->offset_ != 0) return std::nullopt;
    unit->factor_ = raised(unit->factor_, exponent);
    for (auto& dimension : unit->dimensions_) dimension *= exponent;
    unit->atoms_.begin()->second = exponent;
    return unit;
  }

  std::optional<UcumUnit> atom(std::string_view name) {
    auto unit = plain_atom(name, false);
    for (const auto& prefix : kPrefixes) {
      if (unit) break;
      if (!name.starts_with(prefix.symbol)) continue;
      unit = plain_atom(name.substr(prefix.symbol.size()), true);
      if (unit && unit->offset_ != 0) return std::nullopt;
      if (unit) unit->factor_ *= raised(10, prefix.exponent);
    }
    if (unit) unit->atoms_ = {{std::string(name), 1}};
    return unit;
  }

  std::optional<UcumUnit> plain_atom(std::string_view name, bool prefixed) {
    UcumUnit unit;
    for (std::size_t i = 0; i < std::size(kBases); ++i) {
      if (kBases[i] != name) continue;
      unit.dimensions_[i] = 1;
      return unit;
    }
    const Atom* atom = find_atom(name);
    if (atom == nullptr || (prefixed && !atom->is_metric)) return std::nullopt;
    if (!atom->unit.empty()) unit = *UcumParser(atom->unit, 0).whole();
    const std::size_t slash = atom->value.find('/');
    Rational value = boost::multiprecision::cpp_int(std::string(atom->value.substr(0, slash)));
    if (slash != std::string_view::npos)
      value /= boost::multiprecision::cpp_int(std::string(atom->value.substr(slash + 1)));
    unit.factor_ *= value;
    if (name == "Cel") unit.offset_ = Rational(27315, 100);
    if (name == "[degF]") unit.offset_ = Rational(45967, 100);
    return unit;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_;
  bool failed_ = false;
};

std::optional<UcumUnit> UcumUnit::parse(std::string_view text) {
  if (text.empty() || text.size() > 256) return std::nullopt;
  if (text == "1") return UcumUnit();
  return UcumParser(text, 0).whole();
}

bool UcumUnit::has_mean_years() const {
  for (const std::string_view name : {"a", "a_j", "mo", "mo_j"})
    if (atoms_.contains(name)) return true;
  return false;
}

UcumUnit UcumUnit::times(const UcumUnit& other) const {
  UcumUnit result = *this;
  for (const auto& [name, exponent] : other.atoms_) {
    const auto at = result.atoms_.try_emplace(name, 0).first;
    at->second += exponent;
    if (at->second == 0) result.atoms_.erase(at);
  }
  result.number_ *= other.number_;
  result.factor_ *= other.factor_;
  result.offset_ += other.offset_;
  for (std::size_t i = 0; i < dimensions_.size(); ++i)
    result.dimensions_[i] += other.dimensions_[i];
  return result;
}

UcumUnit UcumUnit::inverse() const {
  UcumUnit result = *this;
  for (auto& [name, exponent] : result.atoms_) exponent = -exponent;
  result.number_ = 1 / number_;
  result.factor_ = 1 / factor_;
  for (auto& dimension : result.dimensions_) dimension = -dimension;
  return result;
}

std::string UcumUnit::to_string() const {
  std::string above;
  std::string below;
  if (numerator(number_) != 1) above = numerator(number_).str();
  if (denominator(number_) != 1) below = "/" + denominator(number_).str();
  for (const auto& [name, exponent] : atoms_) {
    std::string& text = exponent > 0 ? above : below;
    if (exponent < 0) text += '/';
    if (exponent > 0 && !text.empty()) text += '.';
    text += name;
    if (std::abs(exponent) != 1) text += std::to_string(std::abs(exponent));
  }
  if (above.empty() && below.empty()) return "1";
  return above + below;
}

}  // namespace sluice::fhirpath
