// Turns a Transaction into one RocksDB batch: which of its writes change something, what they
// supersede, and what is written for them. Apart from committing (rocksdb_store.cc), which orders
// transactions and makes them durable.
#pragma once

#include <rocksdb/write_batch.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/rocksdb/counters.h"
#include "store/rocksdb/database.h"
#include "store/rocksdb/record_format.h"
#include "store/store.h"

namespace sluice::store {

/// Used once, while no other transaction runs: it supersedes exactly what it reads.
class TransactionBatch {
 public:
  TransactionBatch(const Database& database, const Commit& commit, const Transaction& transaction);

  /// Reads the current state and fills batch(), changes() and counters(). kConflict for a
  /// precondition that does not hold, kInvalid for an invalid id, else errors of reading.
  Result<WriteOutcome> build();

  rocksdb::WriteBatch& batch() { return batch_; }
  /// Number of entries in the change log.
  std::uint64_t change_count() const { return change_count_; }
  const CounterChanges& counters() const { return counters_; }

 private:
  struct Operation {
    const fhir::IncomingResource* put = nullptr;  ///< null for a removal
    fhir::ResourceType type;
    std::string_view id;
    std::string locator_key;
    std::size_t last = 0;  ///< the last operation on this resource: the one that counts
  };

  Result<void> check_preconditions() const;
  Result<void> check_unchanged() const;
  /// Whether a change after the condition's sequence is one that breaks it.
  Result<bool> breaks(const Unchanged& unchanged, const Change& change) const;
  /// Whether `owner` is among the owners of the resource as it is now.
  Result<bool> is_owned_now(const fhir::ResourceId& key, std::string_view owner) const;
  Result<void> collect();
  Result<void> apply(const Operation& operation, const rocksdb::PinnableSlice* located,
                     PutOutcome& outcome);
  Result<void> put(const Operation& operation, const Locator* old, PutOutcome& outcome);
  Result<void> remove(const Operation& operation, const Locator& old, PutOutcome& outcome);
  /// Moves the records under every owner to the history, and fills old_targets_ and old_binaries_.
  Result<void> supersede(const Operation& operation, std::string_view owners);
  void put_record(RecordHeader header, std::size_t line);
  void write_records(const Operation& operation, std::uint32_t version);
  void write_tombstone(const Operation& operation, std::string_view owner, std::uint32_t version);
  void write_locator(const Operation& operation, const Locator& locator);
  void note_place(const Operation& operation, std::string_view old_owner);
  void log_change(const Operation& operation, ChangeKind kind, std::string_view owner,
                  std::string_view owners = {});
  void flush_changes();
  void write_documents(const std::vector<DocumentWrite>& documents);

  const Database& database_;
  const Commit& commit_;
  const Transaction& transaction_;
  rocksdb::WriteBatch batch_;
  CounterChanges counters_;
  std::vector<Operation> operations_;
  std::uint32_t change_count_ = 0;
  std::uint32_t changes_flushed_ = 0;
  std::string changes_;  ///< encoded, not yet in the batch
  // Buffers that are used again and again.
  std::string key_;
  std::string value_;
  std::string owners_;
  std::vector<fhir::ResourceId> old_targets_;  ///< of a Provenance
  std::vector<std::string> old_binaries_;
};

}  // namespace sluice::store
