// The versions of one resource, for its history. Apart from as-of reads (as_of.h), which look for
// one version and not for all.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "store/rocksdb/database.h"
#include "store/store.h"

namespace sluice::store {

/// As Store::versions.
Result<std::vector<Version>> read_versions(const Database& database, const fhir::ResourceId& key,
                                           std::uint32_t before, std::size_t limit);

/// As Store::version_of.
Result<std::optional<Version>> read_version_of(const Database& database, const Change& change);

}  // namespace sluice::store
