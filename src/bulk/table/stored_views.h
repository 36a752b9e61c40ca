// Finds the ViewDefinitions that are stored, by reference or canonical URL, as of a snapshot.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "store/store.h"

namespace sluice::bulk {

struct StoredView {
  fhir::ResourceId id;
  std::uint32_t version = 0;  ///< its versionId
  std::string json;
  /// "ViewDefinition/patients/_history/2": where it came from.
  std::string source() const;
};

/// Where views are looked for.
struct StoredViewScope {
  const store::Store& store;
  store::Sequence as_of;
  std::string_view base_url;  ///< of this server: absolute references below it are its own
  /// Whether the client may see a view, by its text; none: every one. What it may not see is not
  /// there.
  std::function<Result<bool>(std::string_view json)> may_see = {};
};

/// "ViewDefinition/id", also absolute below the base. kInvalid for a reference to another type or
/// none at all, kUnsupported for one to a version, kNotFound for what is not there.
Result<StoredView> find_view_by_reference(const StoredViewScope& scope, std::string_view reference);

/// "url" or "url|version". Without a version it is the newest one of those that are not retired, or
/// of those that are: versions are compared as semver has it, and no version is older than any.
/// kNotFound when there is none; kInvalid when several are the newest, and names two.
Result<StoredView> find_view_by_canonical(const StoredViewScope& scope, std::string_view canonical);

/// A reference or a canonical URL: what cannot be a reference to this server is one. An absolute
/// URL below the base that is nobody's reference is looked for as a canonical URL too.
Result<StoredView> find_view(const StoredViewScope& scope, std::string_view text);

/// Below, above or equal to 0 as version `a` is older, newer or as new as `b`: numbers by their
/// value, other parts as texts, "1.0.0-rc" before "1.0.0", "+build" without meaning; dates by
/// their parts.
int compare_versions(std::string_view a, std::string_view b);

}  // namespace sluice::bulk
