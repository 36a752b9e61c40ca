#include "http/stream_pump.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/file.h"
#include "http/transport.h"

namespace sluice::http {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kStreamBufferSize = 256u << 10;
/// How long a stream waits when the pool's queue is full.
constexpr std::chrono::milliseconds kRetryInterval{20};

Result<std::size_t> read_safely(const StreamBody& body, std::span<char> buffer) {
  try {
    return body.read(buffer);
  } catch (const std::exception& e) {
    return Error{ErrorKind::kInternal, "the response stream failed", e.what()};
  }
}

}  // namespace

StreamPump::StreamPump(std::shared_ptr<asio::io_context> context, WorkerPool& pool, StreamBody body)
    : job_(std::make_shared<PoolJob>(context, pool)),
      retry_timer_(*context),
      body_(std::move(body)) {}

bool StreamPump::begin() {
  return start_read();
}

bool StreamPump::start_read() {
  buffers_[reading_].resize(kStreamBufferSize);
  started_ =
      job_->start([this] { read_ = read_safely(body_, std::span<char>(buffers_[reading_])); });
  return started_;
}

asio::awaitable<Result<void>> StreamPump::wait_for_first() {
  co_await job_->wait();
  if (!read_) co_return read_.error();
  co_return Result<void>();
}

asio::awaitable<Result<std::span<const char>>> StreamPump::next() {
  while (!started_ && !start_read()) {
    retry_timer_.expires_after(kRetryInterval);
    co_await retry_timer_.async_wait(kAwait);
  }
  co_await job_->wait();
  started_ = false;
  if (!read_) co_return read_.error();
  const std::span<const char> chunk(buffers_[reading_].data(), std::min(*read_, kStreamBufferSize));
  if (chunk.empty()) co_return chunk;
  reading_ = 1 - reading_;
  (void)start_read();  // When the pool is full the next call tries again.
  co_return chunk;
}

asio::awaitable<void> StreamPump::finish() {
  co_await job_->wait();
}

StreamBody stream_of(FileBody file) {
  StreamBody stream;
  stream.length = file.length;
  stream.read = [file = std::move(file),
                 done = std::uint64_t{0}](std::span<char> buffer) mutable -> Result<std::size_t> {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), file.length - done));
    SLUICE_TRY(const std::size_t size,
               read_at(file.fd, file.offset + done, buffer.first(wanted), "the file that is sent"));
    done += size;
    return size;
  };
  return stream;
}

}  // namespace sluice::http
