// One value of a number or quantity parameter, compared exactly.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "search/decimal.h"
#include "search/number_range.h"
#include "search/path.h"
#include "search/prefix.h"
#include "search/scratch.h"

namespace sluice::search {

/// A number with a prefix. eq and ne have the precision of the digits given; gt, lt, ge, le, sa and
/// eb compare with exactly the number; ap is a tenth on either side.
class NumberTest {
 public:
  static Result<NumberTest> parse(std::string_view value);

  bool matches(const NumberRange& range) const;
  bool matches(const fhir::JsonTokens& tokens, std::size_t value) const;

 private:
  Prefix prefix_ = Prefix::kEqual;
  Decimal number_;
  Decimal from_;  // of eq, ne and ap
  Decimal to_;
};

/// number, number|system|code, number||code.
class QuantityTest {
 public:
  /// `value`: still escaped.
  static Result<QuantityTest> parse(std::string_view value);

  bool matches(const fhir::JsonTokens& tokens, std::size_t value, DataType type,
               Scratch& scratch) const;

 private:
  bool unit_matches(const fhir::JsonTokens& tokens, std::size_t quantity) const;

  NumberTest number_;
  std::string system_;  // empty: any
  std::string code_;    // empty: any; without system also the unit as people read it
};

}  // namespace sluice::search
