// Answers that are the same for every client, made once for each base URL of the server: they need
// no authentication, and thousands of clients may request them at once.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "base/fair_cache.h"
#include "base/shared_text.h"

namespace sluice::api {

/// Thread-safe.
class SharedAnswers {
 public:
  /// The text for `base_url`; calls `make` when it is not among the recently used.
  SharedText of(const std::string& base_url, const std::function<std::string()>& make) {
    // Made under the lock: other threads wait for the result instead of making it too.
    const std::lock_guard lock(mutex_);
    if (const auto* const kept = kept_.find(base_url)) return *kept;
    SharedText made = make();
    const std::size_t size = made.view().size();
    return kept_.keep(kEverybody, base_url, size, std::move(made));
  }

 private:
  static constexpr std::size_t kSizeMax = 16u << 20;
  static constexpr std::size_t kCountMax = 8;
  static constexpr const char* kEverybody = "";

  std::mutex mutex_;
  FairCache<SharedText> kept_{kSizeMax, kCountMax};  // guarded by mutex_
};

}  // namespace sluice::api
