#include "api/routes/readiness.h"

#include <utility>

#include "base/worker_pool.h"

namespace sluice::api {

using Clock = std::chrono::steady_clock;

std::string trouble_of(const store::Store& store) {
  // A document that is never there: asks the store without reading anything.
  return store.document("readyz") ? "" : "the store does not answer";
}

Readiness::Readiness(std::function<std::string()> look, Timing timing)
    : look_(std::move(look)), timing_(timing), looked_(Clock::now()), wrong_(look_()) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Readiness::run(const std::stop_token& stop) {
  name_this_thread("readiness", 0);
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, stop, timing_.interval, [&] { return stop.stop_requested(); })) {
    lock.unlock();
    std::string wrong = look_();
    lock.lock();
    looked_ = Clock::now();
    wrong_ = std::move(wrong);
  }
}

std::string Readiness::trouble() const {
  const std::lock_guard lock(mutex_);
  if (wrong_.empty() && Clock::now() - looked_ > timing_.interval + timing_.patience)
    return "the store does not answer in time";
  return wrong_;
}

}  // namespace sluice::api
