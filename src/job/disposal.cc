#include "job/disposal.h"

#include <exception>

#include "base/log.h"
#include "base/worker_pool.h"

namespace sluice::job {

void Disposal::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    name_this_thread("disposal", 0);
    run(stop);
  });
}

void Disposal::stop() {
  thread_ = {};
}

void Disposal::add(JobKind& kind, std::string job_id) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.emplace_back(&kind, std::move(job_id));
  }
  added_.notify_one();
}

void Disposal::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (added_.wait(lock, stop, [this] { return !waiting_.empty(); }) && !stop.stop_requested()) {
    const auto [kind, job_id] = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    try {
      kind->discard(job_id);
    } catch (const std::exception& e) {
      spdlog::error("cannot remove what a job left id={} detail=\"{}\"", job_id, e.what());
    }
    lock.lock();
  }
}

}  // namespace sluice::job
