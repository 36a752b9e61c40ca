#include "http/response_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::http {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";

asio::awaitable<Sent> send_text(std::shared_ptr<Transport> transport, std::string head,
                                std::string body) {
  const Pieces pieces{asio::buffer(head), asio::buffer(body)};
  const std::uint64_t bytes = co_await transport->send(pieces, false);
  Sent sent;
  sent.complete = bytes == head.size() + body.size();
  sent.body_bytes = bytes > head.size() ? bytes - head.size() : 0;
  co_return sent;
}

asio::awaitable<Sent> send_file(std::shared_ptr<Transport> transport, std::string head,
                                FileBody file) {
  Sent sent;
  const Pieces pieces{asio::buffer(head)};
  const bool more_follows = file.length > 0;
  if (co_await transport->send(pieces, more_follows) < head.size()) co_return sent;
  sent.body_bytes = co_await transport->send_file(file.fd, file.offset, file.length);
  sent.complete = sent.body_bytes == file.length;
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
    const std::uint64_t bytes = co_await transport->send(pieces, false);
    const std::uint64_t before = std::min<std::uint64_t>(bytes, prefix.size());
    sent.body_bytes += std::min<std::uint64_t>(bytes - before, chunk->size());
    if (bytes < prefix.size() + chunk->size() + suffix.size()) co_return sent;
    prefix.clear();
  }
  if (chunked) prefix += kLastChunk;
  const Pieces pieces{asio::buffer(prefix)};
  sent.complete = co_await transport->send(pieces, false) == prefix.size();
  co_return sent;
}

}  // namespace

asio::awaitable<Sent> send_response(std::shared_ptr<Transport> transport, Outgoing outgoing) {
  transport->begin_transfer(outgoing.write_timeout);
  const bool has_body = outgoing.with_body && outgoing.frame.framing != Framing::kNone;
  if (has_body && outgoing.pump) {
    Sent sent = co_await send_stream(transport, std::move(outgoing.head), outgoing.frame,
                                     outgoing.pump, outgoing.write_timeout);
    co_await outgoing.pump->finish();
    co_return sent;
  }
  if (auto* file = std::get_if<FileBody>(&outgoing.response.body); has_body && file != nullptr)
    co_return co_await send_file(transport, std::move(outgoing.head), std::move(*file));
  std::string body;
  if (auto* text = std::get_if<std::string>(&outgoing.response.body); has_body && text != nullptr)
    body = std::move(*text);
  co_return co_await send_text(transport, std::move(outgoing.head), std::move(body));
}

}  // namespace sluice::http
