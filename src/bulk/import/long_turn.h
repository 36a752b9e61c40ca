// Turns of downloads that cannot be continued later: they may be long, but not all of them.
#pragma once

#include <semaphore>

namespace sluice::bulk {

/// How many downloads may go on after their turn although other clients wait. Thread-safe.
using LongTurns = std::counting_semaphore<>;

/// The place of one download among them, given back when it goes. Not thread-safe.
class LongTurn {
 public:
  /// `turns`: nullptr for no limit.
  explicit LongTurn(LongTurns* turns) : turns_(turns) {}
  ~LongTurn() {
    if (is_taken_) turns_->release();
  }
  LongTurn(const LongTurn&) = delete;
  LongTurn& operator=(const LongTurn&) = delete;

  /// Whether it has a place, or gets one.
  bool take() {
    if (turns_ == nullptr || is_taken_) return true;
    is_taken_ = turns_->try_acquire();
    return is_taken_;
  }

 private:
  LongTurns* turns_;
  bool is_taken_ = false;
};

}  // namespace sluice::bulk
