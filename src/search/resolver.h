// How a query reads other resources than the one it matches: chained parameters and _has.
#pragma once

#include <functional>
#include <string_view>

#include "base/result.h"
#include "fhir/resource_type.h"

namespace sluice::search {

/// Other resources, all as of one state of the store, so that a query sees no mixture.
class Resolver {
 public:
  /// `json` ends with the call.
  using Visit = std::function<Result<void>(std::string_view id, std::string_view json)>;

  virtual ~Resolver() = default;
  /// Calls `visit` for each resource of the type once, in any order; stops at its first error and
  /// returns it.
  virtual Result<void> each(fhir::ResourceType type, const Visit& visit) = 0;
  /// An error when the search is to end: asked within the comparison of a large resource too.
  virtual Result<void> look() = 0;
};

}  // namespace sluice::search
