// How many bytes all requests, or all answers, hold together. Handlers use it too, because answers
// take memory while they are made.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/result.h"

namespace sluice::http {

/// The default for answers.
inline constexpr std::size_t kAnswersSizeMax = 256u << 20;

/// Thread-safe. Outlives its shares.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t size_max) : size_max_(size_max) {}

  /// One holder's part; released by its destructor. One thread at a time.
  class Share {
   public:
    Share() = default;  ///< of no budget: there is always room
    explicit Share(MemoryBudget& budget) : budget_(&budget) {}
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(size_, other.size_);
      return *this;
    }
    ~Share() { shrink_to(0); }

    /// Whether there was room to grow to `size` bytes. A single holder always has room.
    bool grow_to(std::size_t size);
    /// The same as an error for the client: kUnavailable with when to try again.
    Result<void> hold(std::size_t size);
    /// Grows whether there is room or not: for what cannot be left out.
    void insist_on(std::size_t size);
    void shrink_to(std::size_t size);
    std::size_t size() const { return size_; }

   private:
    MemoryBudget* budget_ = nullptr;
    std::size_t size_ = 0;
  };

  /// Whether a holder was refused recently, and much is still held.
  bool is_short() const;
  /// Records that a holder waited too long for room; hold() does so itself.
  void note_refusal();
  /// Counts the holders that wait for room.
  void begin_wait() { ++waiting_; }
  void end_wait() { --waiting_; }
  bool is_waited_for() const { return waiting_ > 0; }
  std::size_t used() const { return used_; }

 private:
  const std::size_t size_max_;
  std::atomic<std::size_t> used_{0};
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::int64_t> refused_{0};  ///< steady clock's count of the last refusal; 0: none
};

}  // namespace sluice::http
