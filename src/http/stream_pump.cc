#include "http/stream_pump.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "http/transport.h"

namespace sluice::http {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kStreamBufferSize = 256u << 10;
/// How long a stream waits when the pool's queue is full, or the budget.
constexpr std::chrono::milliseconds kRetryIntervalMin{20};
constexpr std::chrono::milliseconds kRetryIntervalMax{320};
/// Who waits longer in the middle of a stream is in want: slow readers are cut.
constexpr std::chrono::milliseconds kWaitMax{3000};

Result<std::size_t> read_safely(const StreamBody& body, std::span<char> buffer) {
  try {
    return body.read(buffer);
  } catch (const std::exception& e) {
    return Error{ErrorKind::kInternal, "the response stream failed", e.what()};
  }
}

}  // namespace

StreamPump::StreamPump(std::shared_ptr<asio::io_context> context, WorkerPool& pool,
                       MemoryBudget& budget, StreamBody body)
    : job_(std::make_shared<PoolJob>(context, pool)),
      retry_timer_(*context),
      budget_(budget),
      share_(budget),
      body_(std::move(body)) {}

asio::awaitable<void> StreamPump::wait_a_little() {
  // Thousands may wait: who has waited long looks seldom.
  pause_ = std::clamp(pause_ * 2, kRetryIntervalMin, kRetryIntervalMax);
  budget_.begin_wait();
  retry_timer_.expires_after(pause_);
  co_await retry_timer_.async_wait(kAwait);
  budget_.end_wait();
}

asio::awaitable<Result<void>> StreamPump::begin(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    if (share_.grow_to(2 * kStreamBufferSize + body_.memory)) break;
    if (std::chrono::steady_clock::now() >= deadline)
      co_return share_.hold(2 * kStreamBufferSize + body_.memory);
    co_await wait_a_little();
  }
  pause_ = {};
  if (start_read()) co_return Result<void>();
  Error error{ErrorKind::kUnavailable, "too many requests at once"};
  error.retry_after = std::chrono::seconds(1);
  co_return error;
}

bool StreamPump::start_read() {
  if (!share_.grow_to(2 * kStreamBufferSize + body_.memory)) return false;
  PageBuffer& buffer = buffers_[reading_];
  if (buffer.empty()) buffer = PageBuffer(kStreamBufferSize);
  started_ = job_->start([this, room = std::span<char>(buffer.data(), buffer.size())] {
    read_ = read_safely(body_, room);
  });
  return started_;
}

asio::awaitable<Result<void>> StreamPump::wait_for_first() {
  co_await job_->wait();
  if (!read_) co_return read_.error();
  co_return Result<void>();
}

asio::awaitable<Result<std::span<const char>>> StreamPump::next() {
  const auto begun = std::chrono::steady_clock::now();
  while (!started_ && !start_read()) {
    co_await wait_a_little();
    if (std::chrono::steady_clock::now() - begun > kWaitMax) budget_.note_refusal();
  }
  pause_ = {};
  co_await job_->wait();
  started_ = false;
  if (!read_) co_return read_.error();
  const std::span<const char> chunk(buffers_[reading_].data(), std::min(*read_, kStreamBufferSize));
  if (chunk.empty()) co_return chunk;
  reading_ = 1 - reading_;
  (void)start_read();  // When the pool is full the next call tries again.
  co_return chunk;
}

asio::awaitable<void> StreamPump::park(std::uint64_t offset) {
  co_await job_->wait();
  started_ = false;
  for (auto& buffer : buffers_) buffer = {};
  body_.rewind(offset);
  share_.shrink_to(0);
}

asio::awaitable<void> StreamPump::finish() {
  co_await job_->wait();
}

}  // namespace sluice::http
