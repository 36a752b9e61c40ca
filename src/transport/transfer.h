// One request on its way, without the redirects that may follow from its answer.
#pragma once

#include <memory>

#include "transport/outcome.h"
#include "transport/policy.h"
#include "transport/request.h"

namespace sluice::transport {

/// Keeps its connections for the next request, which therefore must have the same policy. One
/// thread at a time; it must leave a TransferSet before it ends.
class Transfer {
 public:
  Transfer();
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Sends and waits for the end.
  Outcome run(const Policy& policy, Request request);
  /// For a TransferSet: makes the request ready. False when it cannot be sent: outcome() says why.
  bool begin(const Policy& policy, Request request);
  /// Of a transfer that is over.
  Outcome& outcome();

 private:
  friend class TransferSet;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::transport
