#include "http/response_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace sluice::http {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";
/// How long a stream keeps its memory for a client that takes nothing.
constexpr std::chrono::milliseconds kPatience{500};
constexpr std::chrono::milliseconds kPressedPatience{50};  ///< and when others wait for it
/// When the budget of answers is short, who holds some of it must take so much in such a time.
constexpr std::chrono::seconds kPressedTime{2};
constexpr std::uint64_t kPressedBytes = 128u << 10;

/// Cuts a client that is slow to take what it holds while others get no room for their answers.
/// Used on the transport's io thread.
class SlowReaderCut : public std::enable_shared_from_this<SlowReaderCut> {
 public:
  SlowReaderCut(std::shared_ptr<Transport> transport, std::shared_ptr<MemoryBudget> answers)
      : transport_(std::move(transport)),
        answers_(std::move(answers)),
        timer_(transport_->executor()),
        taken_(transport_->taken()) {}

  void watch() {
    timer_.expires_after(kPressedTime);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
      if (!cancelled && !self->stopped_) self->look();
    });
  }
  void stop() {
    stopped_ = true;
    timer_.cancel();
  }

 private:
  void look() {
    const std::uint64_t taken = transport_->taken();
    if (answers_->is_short() && taken - taken_ < kPressedBytes) return transport_->interrupt();
    taken_ = taken;
    watch();
  }

  std::shared_ptr<Transport> transport_;
  std::shared_ptr<MemoryBudget> answers_;
  asio::steady_timer timer_;
  std::uint64_t taken_;
  bool stopped_ = false;
};

asio::awaitable<Sent> send_text(std::shared_ptr<Transport> transport, std::string head,
                                std::string_view body) {
  const Pieces pieces{asio::buffer(head), asio::buffer(body)};
  const std::uint64_t bytes = co_await transport->send(pieces, false);
  Sent sent;
  sent.complete = bytes == head.size() + body.size();
  sent.body_bytes = bytes > head.size() ? bytes - head.size() : 0;
  co_return sent;
}

/// `prefix` holds what has to go out before the next chunk: the head, or the end of the last chunk.
asio::awaitable<Sent> send_stream(std::shared_ptr<Transport> transport, std::string prefix,
                                  ResponseFrame frame, std::shared_ptr<StreamPump> pump,
                                  std::chrono::milliseconds timeout) {
  Sent sent;
  const bool chunked = frame.framing == Framing::kChunked;
  const bool has_length = frame.framing == Framing::kLength;
  while (true) {
    transport->clear_deadline();  // How long we take to make the bytes is not the client's fault.
    const Result<std::span<const char>> chunk = co_await pump->next();
    if (!chunk) {
      sent.stream = chunk.error();
      co_return sent;
    }
    const std::uint64_t length = sent.body_bytes + chunk->size();
    if (has_length && (length > frame.length || (chunk->empty() && length < frame.length))) {
      sent.stream = Error{ErrorKind::kInternal, "the stream's length is not what was announced"};
      co_return sent;
    }
    transport->begin_transfer(timeout);
    if (chunk->empty()) break;
    if (chunked) prefix += fmt::format("{:x}\r\n", chunk->size());
    const std::string_view suffix = chunked ? kLineEnd : std::string_view();
    const Pieces pieces{asio::buffer(prefix), asio::buffer(chunk->data(), chunk->size()),
                        asio::buffer(suffix)};
    std::uint64_t bytes = 0;
    if (pump->can_park() && !chunked)
      bytes = co_await transport->send_while_ready(
          pieces, pump->is_pressed() ? kPressedPatience : kPatience);
    else
      bytes = co_await transport->send(pieces, false);
    const std::uint64_t before = std::min<std::uint64_t>(bytes, prefix.size());
    sent.body_bytes += std::min<std::uint64_t>(bytes - before, chunk->size());
    const bool is_whole = bytes == prefix.size() + chunk->size() + suffix.size();
    prefix.erase(0, static_cast<std::size_t>(before));
    if (is_whole) {
      prefix.clear();
      continue;
    }
    if (!pump->can_park() || chunked || transport->is_dead()) co_return sent;
    co_await pump->park(sent.body_bytes);
    const bool goes_on = co_await transport->wait_until_ready();
    if (!goes_on) co_return sent;
  }
  if (chunked) prefix += kLastChunk;
  const Pieces pieces{asio::buffer(prefix)};
  sent.complete = co_await transport->send(pieces, false) == prefix.size();
  co_return sent;
}

asio::awaitable<Sent> send_any(std::shared_ptr<Transport> transport, Outgoing outgoing,
                               bool has_body) {
  if (has_body && outgoing.pump) {
    Sent sent = co_await send_stream(transport, std::move(outgoing.head), outgoing.frame,
                                     outgoing.pump, outgoing.write_timeout);
    co_await outgoing.pump->finish();
    co_return sent;
  }
  std::string_view body;  // of the response, which lives in this frame
  if (const auto* text = std::get_if<std::string>(&outgoing.response.body); has_body && text)
    body = *text;
  if (const auto* shared = std::get_if<SharedText>(&outgoing.response.body); has_body && shared)
    body = shared->view();
  co_return co_await send_text(transport, std::move(outgoing.head), body);
}

}  // namespace

asio::awaitable<Sent> send_response(std::shared_ptr<Transport> transport, Outgoing outgoing) {
  transport->begin_transfer(outgoing.write_timeout);
  const bool has_body = outgoing.with_body && outgoing.frame.framing != Framing::kNone;
  const bool holds = has_body && (outgoing.response.share != nullptr ||
                                  (outgoing.pump && !outgoing.pump->can_park()));
  if (!holds) co_return co_await send_any(std::move(transport), std::move(outgoing), has_body);
  const auto cut = std::make_shared<SlowReaderCut>(transport, outgoing.answers);
  cut->watch();
  Sent sent = co_await send_any(std::move(transport), std::move(outgoing), has_body);
  cut->stop();
  co_return sent;
}

}  // namespace sluice::http
