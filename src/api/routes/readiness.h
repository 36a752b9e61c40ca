// Whether the store answers. A dedicated thread asks it; /readyz only reports the last result, so
// that it answers at once even while the store hangs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "store/store.h"

namespace sluice::api {

/// What is wrong with the store at this moment; empty: nothing. May wait for it.
std::string trouble_of(const store::Store& store);

/// Thread-safe.
class Readiness {
 public:
  struct Timing {
    std::chrono::milliseconds interval = std::chrono::milliseconds(500);  ///< between two looks
    std::chrono::milliseconds patience = std::chrono::seconds(5);         ///< for one of them
  };

  /// Calls `look` at once, and then repeatedly on its own thread. `look` returns what is wrong, as
  /// trouble_of() does, and may block.
  Readiness(std::function<std::string()> look, Timing timing);

  /// What was wrong when it looked last, or that it has been looking for too long; empty: nothing.
  /// Does not wait.
  std::string trouble() const;

 private:
  void run(const std::stop_token& stop);

  const std::function<std::string()> look_;
  const Timing timing_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::chrono::steady_clock::time_point looked_;  // guarded by mutex_, as is
  std::string wrong_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace sluice::api
