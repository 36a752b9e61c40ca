#include "http/memory_budget.h"

namespace sluice::http {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kOfLate{10};

}  // namespace

bool MemoryBudget::Share::grow_to(std::size_t size) {
  if (budget_ == nullptr || size <= size_) return true;
  const std::size_t more = size - size_;
  const std::size_t before = budget_->used_.fetch_add(more);
  if (before != size_ && before + more > budget_->size_max_) {
    budget_->used_ -= more;
    return false;
  }
  size_ = size;
  return true;
}

Result<void> MemoryBudget::Share::hold(std::size_t size) {
  if (grow_to(size)) return {};
  budget_->note_refusal();
  return Error{ErrorKind::kUnavailable,
               "the server has too much in hand: try again later",
               {},
               std::chrono::seconds(2)};
}

void MemoryBudget::Share::insist_on(std::size_t size) {
  if (budget_ == nullptr || size <= size_) return;
  budget_->used_ += size - size_;
  size_ = size;
}

void MemoryBudget::Share::shrink_to(std::size_t size) {
  if (budget_ == nullptr || size >= size_) return;
  budget_->used_ -= size_ - size;
  size_ = size;
}

void MemoryBudget::note_refusal() {
  refused_ = Clock::now().time_since_epoch().count();
}

bool MemoryBudget::is_short() const {
  const std::int64_t refused = refused_;
  if (refused == 0 || used_ < size_max_ / 2) return false;
  return Clock::now().time_since_epoch() - Clock::duration(refused) < kOfLate;
}

}  // namespace sluice::http
