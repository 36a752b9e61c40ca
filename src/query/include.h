// _include and _revinclude: the resources that matches refer to, and those that refer to them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "query/bounds.h"
#include "store/store.h"

namespace sluice::query {

/// "_include=Observation:subject:Patient", read.
struct Include {
  bool reverse = false;                 ///< _revinclude
  bool iterate = false;                 ///< also from resources that were included
  fhir::ResourceType source;            ///< the type that refers
  std::vector<std::string> parameters;  ///< reference parameters of it; several for "*"
  std::optional<fhir::ResourceType> target = std::nullopt;  ///< only references to that type

  /// The types whose resources it may bring: the source of a _revinclude, the targets of an
  /// _include. Empty: any.
  std::vector<fhir::ResourceType> types() const;
};

/// Reads a parameter of a search on `type`: name "_include", "_revinclude", also with ":iterate",
/// value "Type:parameter", "Type:parameter:Target" or "Type:*". kInvalid or kUnsupported
/// names what is not understood, or can never include anything.
Result<Include> parse_include(fhir::ResourceType type, std::string_view name,
                              std::string_view value);

struct IncludeLimits {
  std::size_t resources_max = 0;
  std::size_t bytes_max = 0;
};

/// What the includes bring for these matches as of the sequence, each resource once, without the
/// matches themselves; what is not there is not there. References to a version bring the resource
/// as it is. nullopt when it is more than the limits. Errors of the store and of the bounds.
Result<std::optional<std::vector<store::Record>>> included(
    const store::Store& store, store::Sequence as_of, const std::vector<store::Record>& matches,
    const std::vector<Include>& includes, std::string_view base_url, const IncludeLimits& limits,
    const Bounds& bounds);

}  // namespace sluice::query
