// Reads a StreamBody on the request pool one buffer ahead of what is being sent. Internal to http:
// only its .cc files include this.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>

#include "base/page_buffer.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "http/memory_budget.h"
#include "http/message.h"
#include "http/pool_job.h"

namespace sluice::http {

/// Used on one io thread. Memory is two buffers and what the body holds, for any length,
/// counted in the budget of answers; none while parked. finish() must be awaited before it is
/// dropped.
class StreamPump {
 public:
  StreamPump(std::shared_ptr<boost::asio::io_context> context, WorkerPool& pool,
             MemoryBudget& budget, StreamBody body);

  /// Begins the first read, within `patience` when the budget has no room; kUnavailable when it has
  /// none by then, or when the pool is full.
  boost::asio::awaitable<Result<void>> begin(std::chrono::milliseconds patience);
  /// Waits for that read; its error, which next() would give too.
  boost::asio::awaitable<Result<void>> wait_for_first();
  /// The next bytes, valid until the call after; empty at the end. While they are being sent the
  /// following ones are read.
  boost::asio::awaitable<Result<std::span<const char>>> next();
  /// Whether park() may be called.
  bool can_park() const { return body_.rewind != nullptr && body_.length.has_value(); }
  /// Whether others wait for the memory that this one holds.
  bool is_pressed() const { return budget_.is_waited_for(); }
  /// Releases the memory until next() is called, which continues at `offset` of the body.
  /// Invalidates what next() returned.
  boost::asio::awaitable<void> park(std::uint64_t offset);
  /// Waits for a running read.
  boost::asio::awaitable<void> finish();

 private:
  bool start_read();
  boost::asio::awaitable<void> wait_a_little();

  std::shared_ptr<PoolJob> job_;
  boost::asio::steady_timer retry_timer_;
  MemoryBudget& budget_;
  MemoryBudget::Share share_;
  StreamBody body_;
  std::array<PageBuffer, 2> buffers_;
  std::size_t reading_ = 0;  // the buffer that is being filled
  Result<std::size_t> read_ =
      std::size_t{0};     // of the last read; the pool writes it while one runs
  bool started_ = false;  // a read was started and its result not yet taken
  std::chrono::milliseconds pause_{0};
};

}  // namespace sluice::http
