// Answers that are the same for every client, made once for each base URL of the server: they need
// no authentication, and thousands of clients may request them at once.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <utility>

#include "base/shared_text.h"

namespace sluice::api {

/// Thread-safe.
class SharedAnswers {
 public:
  /// The text for `base_url`; calls `make` when it is not among the recently used.
  SharedText of(const std::string& base_url, const std::function<std::string()>& make) {
    // Made under the lock: other threads wait for the result instead of making it too.
    const std::lock_guard lock(mutex_);
    for (auto at = kept_.begin(); at != kept_.end(); ++at) {
      if (at->first != base_url) continue;
      kept_.splice(kept_.begin(), kept_, at);
      return kept_.front().second;
    }
    kept_.emplace_front(base_url, make());
    if (kept_.size() > kKept) kept_.pop_back();
    return kept_.front().second;
  }

 private:
  static constexpr std::size_t kKept = 8;
  std::mutex mutex_;
  std::list<std::pair<std::string, SharedText>> kept_;  // used last first, guarded by mutex_
};

}  // namespace sluice::api
