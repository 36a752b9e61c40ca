#include "api/core/bundle_budget.h"

namespace sluice::api {

Result<BundleBudget::Share> BundleBudget::take(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (taken_ != 0 && taken_ + bytes > bytes_max_)
    return Error{ErrorKind::kUnavailable,
                 "the server is at work on other large Bundles: try again later",
                 {},
                 std::chrono::seconds(1)};
  taken_ += bytes;
  return Share(*this, bytes);
}

BundleBudget::Share::~Share() {
  if (budget_ == nullptr) return;
  const std::lock_guard lock(budget_->mutex_);
  budget_->taken_ -= bytes_;
}

}  // namespace sluice::api
