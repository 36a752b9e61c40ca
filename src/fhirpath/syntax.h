// The tree of an expression, as it is parsed, bound to types, and then evaluated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fhirpath/model.h"
#include "fhirpath/value.h"

namespace re2 {
class RE2;
}

namespace sluice::fhirpath {

enum class Function : std::uint8_t;

enum class SyntaxKind : std::uint8_t {
  kLiteral,   ///< `literals`, none for {}
  kThis,      ///< $this
  kIndex,     ///< $index
  kTotal,     ///< $total
  kMember,    ///< `name` of `input`; without input of $this, or $this itself if it is of that type
  kCall,      ///< `function` with `arguments`, of `input`; without input of $this
  kVariable,  ///< %name
  kIndexer,   ///< input[argument]
  kUnary,     ///< + or - of the argument
  kBinary,    ///< both arguments
  kIs,        ///< argument is `type`
  kAs
};

enum class Operator : std::uint8_t {
  kNone,
  kMultiply,
  kDivide,
  kDiv,
  kMod,
  kAdd,
  kSubtract,
  kConcatenate,
  kUnion,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kEqual,
  kNotEqual,
  kEquivalent,
  kNotEquivalent,
  kIn,
  kContains,
  kAnd,
  kOr,
  kXor,
  kImplies
};

/// What a variable of the environment means.
enum class Variable : std::uint8_t {
  kNone,
  kContext,
  kResource,
  kRootResource,
  kLiteral,  ///< `literals`: a constant of the standard or of the caller
  kCaller,   ///< given with each evaluation
  kDefined   ///< by defineVariable()
};

/// A type as it is written: of FHIR, of System, or a name that both have.
struct TypeSpecifier {
  TypeId fhir = system::kAny;
  TypeId system = system::kAny;

  bool includes(TypeId type) const {
    return (fhir != system::kAny && is_a(type, fhir)) || (system != system::kAny && type == system);
  }
};

struct Syntax {
  SyntaxKind kind = SyntaxKind::kLiteral;
  Operator op = Operator::kNone;
  Variable variable = Variable::kNone;
  Function function{};
  bool delimited = false;        ///< the name is in backticks
  std::vector<bool> descending;  ///< of the keys of sort()
  std::size_t position = 0;      ///< of the token that names it
  std::size_t depth = 1;         ///< how many levels it has
  std::string name;
  std::unique_ptr<Syntax> input;
  std::vector<std::unique_ptr<Syntax>> arguments;
  Collection literals;

  // What the binder finds.
  TypeSpecifier type;
  TypeId self_type = system::kAny;        ///< kMember: the resource type that the name may mean
  TypeId bound_type = system::kAny;       ///< kMember: the only type that the input may have
  const ElementRow* element = nullptr;    ///< its element of that name
  std::shared_ptr<const re2::RE2> regex;  ///< shared: a pattern that is a literal, compiled once
};

}  // namespace sluice::fhirpath
