// Rule files: the language of Microsoft's Tools for Health Data Anonymization (`fhirPathRules`),
// read and checked (docs/deidentification.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "deid/rule_path.h"
#include "fhirpath/decimal.h"
#include "fhirpath/expression.h"

namespace sluice::deid {

enum class Method : std::uint8_t {
  kKeep,
  kRedact,
  kDateShift,
  kPerturb,
  kCryptoHash,
  kEncrypt,
  kSubstitute,
  kGeneralize
};
std::string_view to_string(Method method);

/// Which dates move by the same number of days.
enum class ShiftScope : std::uint8_t { kResource, kFile, kFolder, kPatient };

/// What happens to a resource that cannot be changed as the rules say. It is never passed as it is.
enum class OnError : std::uint8_t {
  kLeaveOut,  ///< and is told of: what a file means that does not say
  kRaise,     ///< the run ends
  kSkip       ///< an empty resource stands in its place
};

struct Case {
  fhirpath::Expression condition;
  fhirpath::Expression value;
};

struct Rule {
  std::string path;
  Method method = Method::kKeep;
  std::vector<Branch> branches;
  // perturb
  fhirpath::Decimal span;
  bool is_proportional = false;
  std::optional<int> round_to;
  // substitute: JSON
  std::string replace_with;
  // generalize
  std::vector<Case> cases;
  bool keeps_others = false;
};

struct Parameters {
  ShiftScope shift_scope = ShiftScope::kResource;
  std::optional<int> fixed_offset_days;
  bool partial_ages = false;
  bool partial_dates = false;
  bool partial_zip_codes = false;
  std::vector<std::string> restricted_zip_codes;
};

struct RuleSet {
  std::vector<Rule> rules;  ///< the first that matches wins
  Parameters parameters;
  OnError on_error = OnError::kLeaveOut;
  /// Whether what the rules say cannot be done without a key.
  bool needs_key() const;
};

inline constexpr std::size_t kRuleFileSizeMax = 4 << 20;
inline constexpr std::size_t kRulesMax = 10'000;

/// kInvalid and kUnsupported name the place: `fhirPathRules[3].path: ...`. kLenient takes rules for
/// elements that R4 does not have, and looks for them by their names.
Result<RuleSet> read_rules(std::string_view text,
                           fhirpath::Strictness strictness = fhirpath::Strictness::kStrict);

}  // namespace sluice::deid
