// A disk that can be full or broken, and that remembers what a power loss would leave of it.
#pragma once

#include <rocksdb/env.h>

#include <filesystem>
#include <memory>

namespace sluice::store {

class FaultyDisk {
 public:
  enum class Fault { kNone, kFull, kBroken, kSyncFails };

  FaultyDisk();
  ~FaultyDisk();
  rocksdb::Env* env() const;

  /// From now on appending (or for kSyncFails, syncing) fails; half of what was to be appended
  /// arrives, as happens on a full disk.
  void set_fault(Fault fault);
  /// Lets `count` more appends pass, then behaves as if set_fault(fault) had been called.
  void set_fault_after(Fault fault, int count);

  /// Copies a folder as it would be found after a power loss now: of each file what was synced.
  /// Nothing may be written meanwhile.
  void copy_after_power_loss(const std::filesystem::path& from,
                             const std::filesystem::path& to) const;

 private:
  class FileSystem;
  std::shared_ptr<FileSystem> file_system_;
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace sluice::store
