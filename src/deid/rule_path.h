// The paths of rules: FHIRPath, with nodesByType() and nodesByName() in front. Nearly all are names
// in a row, which become a part of a trie; the rest are expressions, evaluated on each resource.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhirpath/expression.h"
#include "fhirpath/model.h"

namespace sluice::deid {

/// What a path begins with.
enum class Head : std::uint8_t {
  kResource,  ///< a resource of `type`; kAny: of any
  kByType,    ///< nodesByType: everything of exactly this type within a resource
  kByName     ///< nodesByName
};

/// A step to the elements of a name, or to those that are of a type.
struct PathStep {
  std::string name;  ///< empty for a type
  fhirpath::TypeId type = fhirpath::system::kAny;
};

/// One of the paths that "|" joins.
struct Branch {
  Head head = Head::kResource;
  fhirpath::TypeId type = fhirpath::system::kAny;
  std::string name;  ///< of kByName
  std::vector<PathStep> steps;
  /// When set it is evaluated on what the head names, and there are no steps.
  std::optional<fhirpath::Expression> expression;
  /// What the path can lead to; empty: anything.
  std::vector<fhirpath::TypeId> types;
};

/// The type that nodesByType() takes for an element: of what has elements of its own
/// BackboneElement or Element.
fhirpath::TypeId type_for_lookup(fhirpath::TypeId type);

/// kInvalid names what is wrong and where. Strict: a name that no type there has is an error;
/// lenient: it is looked for as it is.
Result<std::vector<Branch>> read_path(std::string_view text, fhirpath::Strictness strictness);

}  // namespace sluice::deid
