// Work for the request pool that a coroutine waits for without blocking its io thread. Internal to
// http: only its .cc files include this.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "base/worker_pool.h"

namespace sluice::http {

/// One piece of work at a time. start() and wait() are called on the io thread of `context`;
/// the caller of start() must wait() before the job's inputs are destroyed.
class PoolJob : public std::enable_shared_from_this<PoolJob> {
 public:
  PoolJob(std::shared_ptr<boost::asio::io_context> context, WorkerPool& pool);

  /// Queues `work`; false when the pool is full. `work` must not throw.
  bool start(std::function<void()> work);
  /// Returns when the work started last is done.
  boost::asio::awaitable<void> wait();

 private:
  std::shared_ptr<boost::asio::io_context> context_;
  WorkerPool& pool_;
  boost::asio::steady_timer done_signal_;
  bool running_ = false;  // io thread only
};

}  // namespace sluice::http
