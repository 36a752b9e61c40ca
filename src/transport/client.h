// Requests one after the other by one policy, redirects followed.
#pragma once

#include <chrono>
#include <functional>

#include "transport/transfer.h"

namespace sluice::transport {

/// Over connections that stay open. One thread at a time.
class Client {
 public:
  explicit Client(Policy policy) : policy_(std::move(policy)) {}

  /// Called for each answer, or its absence, also of redirects: what became of it (url, status,
  /// reason, bytes) and how long it took.
  using OnAnswer = std::function<void(const Outcome&, std::chrono::milliseconds)>;
  /// Blocks.
  Outcome send(Request request, const OnAnswer& on_answer = nullptr);
  const Policy& policy() const { return policy_; }

 private:
  Policy policy_;
  Transfer transfer_;
};

}  // namespace sluice::transport
