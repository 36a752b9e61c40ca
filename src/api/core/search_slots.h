// How many requests may do what can take long at once (searches, histories, conditions, Bundles
// with such), so that they leave threads for others.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/result.h"

namespace sluice::api {

/// Thread-safe.
class SearchSlots {
 public:
  explicit SearchSlots(std::size_t slots) : free_(slots) {}

  /// Gives the slot back when it goes.
  class Slot {
   public:
    explicit Slot(SearchSlots& slots) : slots_(&slots) {}
    Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Slot& operator=(Slot&& other) noexcept {
      std::swap(slots_, other.slots_);
      return *this;
    }
    ~Slot() {
      if (slots_ == nullptr) return;
      const std::lock_guard lock(slots_->mutex_);
      ++slots_->free_;
    }

   private:
    SearchSlots* slots_;
  };

  /// kUnavailable with when to try again when all are taken.
  Result<Slot> take() {
    const std::lock_guard lock(mutex_);
    if (free_ == 0)
      return Error{ErrorKind::kUnavailable,
                   "the server is busy with other searches: try again later",
                   {},
                   std::chrono::seconds(1)};
    --free_;
    return Slot(*this);
  }

 private:
  std::mutex mutex_;
  std::size_t free_;  // guarded by mutex_
};

/// One slot for all that a request does, taken by whichever part of it first turns out to take
/// long. Thread-safe.
class SharedSlot {
 public:
  explicit SharedSlot(std::shared_ptr<SearchSlots> slots) : slots_(std::move(slots)) {}

  /// Takes it, unless the request has it. kUnavailable as of SearchSlots::take().
  Result<void> take() {
    const std::lock_guard lock(mutex_);
    if (slot_) return {};
    SLUICE_ASSIGN_OR_RETURN(slot_, slots_->take());
    return {};
  }
  /// The request is over, although parts of it may live on.
  void give_back() {
    const std::lock_guard lock(mutex_);
    slot_.reset();
  }

 private:
  const std::shared_ptr<SearchSlots> slots_;
  std::mutex mutex_;
  std::optional<SearchSlots::Slot> slot_;
};

}  // namespace sluice::api
