// Many transfers side by side on one thread, over as few connections as it takes.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "transport/transfer.h"

namespace sluice::transport {

/// One thread, but for wake().
class TransferSet {
 public:
  TransferSet();
  ~TransferSet();

  /// Starts a transfer that was begun.
  void add(Transfer& transfer);
  /// Ends one that is on its way; it has no outcome.
  void remove(Transfer& transfer);
  /// Sends and receives what can be now; returns those that are over, which have left the set.
  std::vector<Transfer*> advance();
  /// Until a socket is ready, wake() is called or the time is over.
  void wait(std::chrono::milliseconds time);
  /// Thread-safe.
  void wake();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::transport
