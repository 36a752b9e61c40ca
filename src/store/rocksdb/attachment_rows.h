// The rows of `attachments`: which resources name a Binary in an Attachment. Updated with every
// write, because a request for a Binary by the right to read what names it (F-06) has only its id.
#pragma once

#include <rocksdb/write_batch.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/rocksdb/database.h"
#include "store/store.h"

namespace sluice::store {

/// Puts into `batch` what changes when the newest version of a resource names `binaries` and the
/// one before named `old_binaries`; both sorted.
void update_attachments(const Database& database, const fhir::ResourceId& key,
                        const std::vector<std::string>& old_binaries,
                        const std::vector<std::string>& binaries, rocksdb::WriteBatch& batch);

/// As Store::attached_to.
Result<std::vector<fhir::ResourceId>> read_attached_to(const Database& database,
                                                       std::string_view binary_id,
                                                       std::size_t limit);

/// Writes the rows of all resources there are: what a store of format version 4 lacks. May be done
/// twice.
Result<void> remember_all_attachments(const Database& database);

}  // namespace sluice::store
