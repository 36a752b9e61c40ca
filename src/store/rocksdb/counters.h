// How many resources of each type there are and how large they are: kept in memory, written with
// each transaction that changes them.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "store/rocksdb/database.h"
#include "store/rocksdb/record_format.h"
#include "store/store.h"

namespace rocksdb {
class WriteBatch;
}

namespace sluice::store {

/// What one transaction adds to and takes from the counters.
class CounterChanges {
 public:
  void add(fhir::ResourceType type, std::size_t json_size) { change(type, 1, json_size); }
  void remove(fhir::ResourceType type, std::size_t json_size) { change(type, -1, json_size); }

 private:
  friend class Counters;
  struct Difference {
    std::int64_t resources = 0;
    std::int64_t bytes = 0;
  };
  void change(fhir::ResourceType type, int sign, std::size_t json_size) {
    auto& difference = differences_[type];
    difference.resources += sign;
    difference.bytes += sign * (static_cast<std::int64_t>(json_size) + 1);  // one line break
  }
  std::map<fhir::ResourceType, Difference> differences_;
};

/// Thread-safe; transactions come one after the other.
class Counters {
 public:
  Result<void> read(const Database& database);
  /// The new totals of the types that change, into the transaction.
  void put(const CounterChanges& changes, const Database& database,
           rocksdb::WriteBatch& batch) const;
  /// After the transaction is written.
  void apply(const CounterChanges& changes);
  std::vector<TypeStatistics> all() const;
  TypeCounter of(fhir::ResourceType type) const;

 private:
  TypeCounter after(fhir::ResourceType type, const CounterChanges::Difference& difference) const;

  mutable std::mutex mutex_;
  std::map<fhir::ResourceType, TypeCounter> counters_;  // guarded by mutex_
};

}  // namespace sluice::store
