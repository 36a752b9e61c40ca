// How much of posted Bundles is worked on at once: a transaction takes about eight times its Bundle
// in memory while it is planned and written.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>

#include "base/result.h"

namespace sluice::api {

/// Thread-safe.
class BundleBudget {
 public:
  /// Two of the largest that a request may hold.
  static constexpr std::size_t kBytesMax = 128u << 20;

  explicit BundleBudget(std::size_t bytes_max = kBytesMax) : bytes_max_(bytes_max) {}

  /// Gives the bytes back when it ends. The budget must outlive it.
  class Share {
   public:
    Share(BundleBudget& budget, std::size_t bytes) : budget_(&budget), bytes_(bytes) {}
    ~Share();
    Share(Share&& other) noexcept : budget_(other.budget_), bytes_(other.bytes_) {
      other.budget_ = nullptr;
    }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    Share& operator=(Share&&) = delete;

   private:
    BundleBudget* budget_;
    std::size_t bytes_;
  };

  /// kUnavailable, with when to try again, while others have too much of it. One alone always gets
  /// its share.
  Result<Share> take(std::size_t bytes);

 private:
  const std::size_t bytes_max_;
  std::mutex mutex_;
  std::size_t taken_ = 0;  // guarded by mutex_
};

}  // namespace sluice::api
