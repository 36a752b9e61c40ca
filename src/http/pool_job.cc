#include "http/pool_job.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "http/transport.h"

namespace sluice::http {

namespace asio = boost::asio;

PoolJob::PoolJob(std::shared_ptr<asio::io_context> context, WorkerPool& pool)
    : context_(std::move(context)), pool_(pool), done_signal_(*context_) {}

bool PoolJob::start(std::function<void()> work) {
  running_ = true;
  // The pool thread gives its reference to the job away with the post, and holds the context until
  // the post has returned: the server may be gone by then.
  const bool queued = pool_.try_post(
      [context = context_, self = shared_from_this(), work = std::move(work)]() mutable {
        work();
        work = nullptr;
        asio::post(*context, [self = std::move(self)] {
          self->running_ = false;
          self->done_signal_.cancel();
        });
      });
  if (!queued) running_ = false;
  return queued;
}

asio::awaitable<void> PoolJob::wait() {
  while (running_) {
    done_signal_.expires_at(std::chrono::steady_clock::time_point::max());
    co_await done_signal_.async_wait(kAwait);
  }
}

}  // namespace sluice::http
