// The rows of `members`: brought up to date with every Group that is written, and read as of a
// sequence. Apart from the records, because a group of a million changes by a few rows at a time.
#pragma once

#include <rocksdb/write_batch.h>

#include <memory>
#include <string_view>

#include "base/result.h"
#include "store/rocksdb/database.h"
#include "store/store.h"

namespace sluice::store {

/// Puts into `batch` what changes when a commit gives the group these members (see
/// fhir::encode_members; empty when the group is removed): supersedes rows of members who left or
/// changed, adds rows of members who joined. Reads the group's rows once, in order.
Result<void> update_members(const Database& database, const Commit& commit,
                            std::string_view group_id, std::string_view members,
                            rocksdb::WriteBatch& batch);

/// As Store::members; `as_of` must not be later than the newest commit.
std::unique_ptr<MemberScan> make_member_scan(const Database& database, std::string_view group_id,
                                             fhir::ResourceType type, Sequence as_of);

}  // namespace sluice::store
