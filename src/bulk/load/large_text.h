// Turns for holding a line or a document that is larger than any common resource: one at a time in
// the process, for all loads and imports, so that their memory does not add up.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string_view>

#include "base/result.h"

namespace sluice::bulk {

/// Thread-safe. Must outlive its turns.
class LargeText {
 public:
  /// Ends with its last copy.
  using Turn = std::shared_ptr<const void>;

  /// Blocks until the current turn ends; kCancelled when stopped before. A thread that holds a turn
  /// must not take another.
  Result<Turn> take_turn(const std::stop_token& stop);

 private:
  std::mutex mutex_;
  std::condition_variable_any ended_;
  bool is_taken_ = false;  // guarded by mutex_
};

/// Whether `text`, the beginning of a JSON object, can be that of a Group or, when `bundles` too,
/// of a Bundle: by its resourceType, or, while that is still to come, by the list that makes them
/// large.
bool can_be_large(std::string_view text, bool bundles);

}  // namespace sluice::bulk
