#include "cli/signals.h"

#include <pthread.h>

#include <ctime>
#include <utility>

namespace sluice::cli {
namespace {

constexpr timespec kLook{0, 100'000'000};  // how often a waiting thread looks whether to stop

}  // namespace

SignalWaiter::SignalWaiter(std::initializer_list<int> signals) {
  sigemptyset(&signals_);
  for (const int signal : signals) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  // A client that goes away while we write is an outcome, not a reason to die.
  std::signal(SIGPIPE, SIG_IGN);
  // A file that reaches a limit of the process is a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
}

SignalWaiter::~SignalWaiter() = default;

int SignalWaiter::wait() const {
  int signal = 0;
  sigwait(&signals_, &signal);
  return signal;
}

std::optional<int> SignalWaiter::wait_for(std::chrono::milliseconds timeout) const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const timespec limit{seconds.count(), std::chrono::nanoseconds(timeout - seconds).count()};
  const int signal = sigtimedwait(&signals_, nullptr, &limit);
  if (signal > 0) return signal;
  return std::nullopt;
}

void SignalWaiter::on_signal(std::function<void(int)> handler) {
  thread_ = std::jthread([this, handler = std::move(handler)](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const int signal = sigtimedwait(&signals_, nullptr, &kLook);
      if (signal > 0) handler(signal);
    }
  });
}

}  // namespace sluice::cli
