// Point reads as of a sequence: from `current` when its record is old enough, else from `history`.
// Apart from the scan because both use it, and because a resource's former owners are found here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "store/rocksdb/database.h"
#include "store/rocksdb/record_format.h"
#include "store/store.h"

namespace sluice::store {

/// Finds versions in `history`. Keeps one iterator, so many look-ups in key order are cheap. One
/// thread at a time.
///
/// A view of `current` needs no snapshot: a version is written to `history` together with the
/// version that supersedes it, so a reader that sees the newer record finds the older one here, at
/// any later time.
class HistoryReader {
 public:
  explicit HistoryReader(const Database& database) : database_(database) {}

  /// The version at exactly this record key that was valid at `as_of`, as a record's value. The
  /// view ends with the next call.
  Result<std::optional<std::string_view>> find(std::string_view record_key, Sequence as_of);

  /// The owner under which a resource was stored at `as_of`, if it differs from the current one.
  Result<std::optional<std::string>> former_place(std::string_view locator_key, Sequence as_of);

 private:
  /// The value at `key_`, which ends in a sequence, or at the next one of the same beginning: the
  /// newest version that is old enough.
  Result<std::optional<std::string_view>> first_of_key();

  const Database& database_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  std::string key_;
};

/// Reads single resources. Thread-safe.
class PointReader {
 public:
  explicit PointReader(const Database& database) : database_(database) {}

  /// The record at exactly this key, tombstones counting as nothing. The value is copied.
  Result<std::optional<std::string>> record_at(std::string_view record_key, Sequence as_of) const;

  Result<std::optional<Record>> read(const fhir::ResourceId& key, Sequence as_of) const;
  /// As Store::read_of.
  Result<std::optional<Record>> read_of(std::string_view owner, const fhir::ResourceId& key,
                                        Sequence as_of) const;
  Result<std::optional<std::string>> owners(const fhir::ResourceId& key, Sequence as_of) const;
  Result<std::vector<bool>> exist(fhir::ResourceType type, const std::vector<std::string>& ids,
                                  Sequence as_of) const;

 private:
  /// Where the resource is stored now, or that it was deleted; nothing if it never existed. A view
  /// of `pinned`.
  Result<std::optional<Locator>> find_locator(const fhir::ResourceId& key,
                                              rocksdb::PinnableSlice& pinned) const;
  /// The value of the resource's own record, wherever it was stored at `as_of`.
  Result<std::optional<std::string>> value_of(fhir::ResourceType type, std::string_view id,
                                              const Locator& locator, Sequence as_of,
                                              std::string& owner) const;

  const Database& database_;
};

}  // namespace sluice::store
