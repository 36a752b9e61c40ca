// FHIRPath expressions, compiled once for R4's types and evaluated on many resources
// (docs/fhirpath.md says what is supported).
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhirpath/value.h"

namespace sluice::fhirpath {

struct Syntax;

enum class Strictness {
  kStrict,  ///< a name that its type does not have is an error
  kLenient  ///< it selects nothing
};

struct CompileOptions {
  /// What the expression is evaluated on: a resource type, or another type of FHIR. Empty:
  /// anything.
  std::string_view root_type = {};
  /// The same as numbers, for expressions on the results of another; wins over root_type.
  std::span<const TypeId> context_types = {};
  /// What %name means, the same for every evaluation.
  std::map<std::string, Collection, std::less<>> constants = {};
  /// Names for which each evaluation gives a value.
  std::set<std::string, std::less<>> variables = {};
  Strictness strictness = Strictness::kStrict;
  /// Refuses first(), skip() and the like on what has no order: children() and descendants().
  bool checks_order = false;
};

/// Longer expressions are refused.
inline constexpr std::size_t kExpressionSizeMax = 64 * 1024;

/// Immutable, cheap to copy, and safe to evaluate in many threads at once.
class Expression {
 public:
  /// kInvalid names what is wrong and where; kUnsupported for a function that is refused. On
  /// failure `position`, if not null, gets the offset of the fault in the text.
  static Result<Expression> compile(std::string_view text, const CompileOptions& options = {},
                                    std::size_t* position = nullptr);

  const std::string& text() const;
  /// The types that results can have; empty if that is not known before.
  std::span<const TypeId> result_types() const;
  /// Instructions of its regular expressions: what they take of memory.
  std::size_t regex_size() const;
  const Syntax& syntax() const;

 private:
  struct Program;
  // Shared by the copies, which nothing changes.
  std::shared_ptr<const Program> program_;
};

}  // namespace sluice::fhirpath
