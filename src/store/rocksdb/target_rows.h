// The rows of `targets`: which Provenances name a resource. Written with every Provenance, so that
// finding those of a few resources does not read all.
#pragma once

#include <rocksdb/write_batch.h>

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/rocksdb/database.h"
#include "store/store.h"

namespace sluice::store {

/// The targets of a stored Provenance, as fhir::possible_targets.
Result<std::vector<fhir::ResourceId>> targets_of(std::string_view json);

/// Puts into `batch` what changes when a commit makes `targets` out of `old_targets` (empty for a
/// new Provenance; `targets` is empty for one that is removed).
void update_targets(const Database& database, const Commit& commit, std::string_view id,
                    const std::vector<fhir::ResourceId>& old_targets,
                    const std::vector<fhir::ResourceId>& targets, rocksdb::WriteBatch& batch);

/// As Store::provenance_finder; `as_of` must not be later than the newest commit.
std::unique_ptr<ProvenanceFinder> make_provenance_finder(const Database& database, Sequence as_of);

/// Writes the rows of all versions there still are: what a store of format version 2 lacks. May be
/// done twice.
Result<void> remember_targets_of_all_provenances(const Database& database);

}  // namespace sluice::store
