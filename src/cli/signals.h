// Signals as calls on an ordinary thread, so that handlers may do anything.
#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <optional>
#include <thread>

#include <csignal>

namespace sluice::cli {

/// Blocks the signals in the calling thread and all that it starts; make it before any thread. One
/// may exist at a time.
class SignalWaiter {
 public:
  explicit SignalWaiter(std::initializer_list<int> signals);
  ~SignalWaiter();
  SignalWaiter(const SignalWaiter&) = delete;
  SignalWaiter& operator=(const SignalWaiter&) = delete;

  /// Waits for one of the signals and returns it.
  int wait() const;
  /// As wait(); nullopt when `timeout` passed without one.
  std::optional<int> wait_for(std::chrono::milliseconds timeout) const;
  /// Calls `handler` from a thread of its own for each signal.
  void on_signal(std::function<void(int)> handler);

 private:
  sigset_t signals_{};
  std::jthread thread_;
};

}  // namespace sluice::cli
