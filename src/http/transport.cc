#include "http/transport.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "http/forwarded.h"

namespace sluice::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::size_t kLingerBytesMax = 16u << 20;

std::string host_of(const tcp::endpoint& endpoint) {
  const std::string address = canonical_address(endpoint.address().to_string());
  const bool is_v6 = address.find(':') != std::string::npos;
  return (is_v6 ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

/// Removes `sent` bytes from the front; whether something is left.
bool drop_front(Pieces& pieces, std::size_t sent) {
  bool left = false;
  for (auto& piece : pieces) {
    const std::size_t taken = std::min(sent, piece.size());
    piece += taken;
    sent -= taken;
    left = left || piece.size() > 0;
  }
  return left;
}

}  // namespace

Transport::Transport(tcp::socket socket, std::size_t rate_min,
                     const std::shared_ptr<asio::ssl::context>& tls)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      patience_timer_(socket_.get_executor()),
      rate_min_(rate_min) {
  if (tls) tls_.emplace(socket_, *tls);
  boost::system::error_code ignored;  // A socket that is dead already fails at the first read.
  socket_.set_option(tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  peer_address_ = canonical_address(socket_.remote_endpoint(ignored).address().to_string());
  local_host_ = host_of(socket_.local_endpoint(ignored));
}

void Transport::expire_at(Clock::time_point deadline) {
  deadline_ = deadline;
  transfer_timeout_ = std::chrono::milliseconds(0);
  timed_out_ = false;
  if (deadline_ < armed_) arm();
}

void Transport::begin_transfer(std::chrono::milliseconds timeout) {
  expire_at(Clock::now() + timeout);
  transfer_timeout_ = timeout;
  transferred_ = 0;
  queued_ = unacknowledged();
}

std::size_t Transport::transfer_wanted() const {
  return static_cast<std::size_t>(transfer_timeout_.count()) * rate_min_ / 1000;
}

std::size_t Transport::unacknowledged() {
  int bytes = 0;
  return ioctl(socket_.native_handle(), SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes)
                                                               : 0;
}

void Transport::progressed(std::size_t bytes) {
  transferred_ += bytes;
  if (transfer_timeout_.count() > 0 && transferred_ >= transfer_wanted())
    begin_transfer(transfer_timeout_);
}

// Deadlines move with every chunk, the timer does not: it strikes at an earlier deadline, sees that
// the present one is later and sleeps on.
void Transport::arm() {
  armed_ = deadline_;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error) self->on_timer();
  });
}

void Transport::on_timer() {
  armed_ = Clock::time_point::max();
  if (interrupted_ || deadline_ == Clock::time_point::max()) return;
  if (Clock::now() < deadline_) return arm();
  // The kernel asks for more only when a third of a send buffer of megabytes is free. A slow client
  // has read in the meantime, and what it has acknowledged says so.
  if (transfer_timeout_.count() > 0 &&
      transferred_ + queued_ >= unacknowledged() + std::max<std::size_t>(transfer_wanted(), 1))
    return begin_transfer(transfer_timeout_);
  timed_out_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

asio::awaitable<bool> Transport::handshake() {
  if (!tls_) co_return true;
  const auto [error] = co_await tls_->async_handshake(asio::ssl::stream_base::server, kAwait);
  co_return !error && !is_dead();
}

asio::awaitable<std::size_t> Transport::read_some(asio::mutable_buffer buffer) {
  if (is_dead()) co_return 0;
  // Not with ?: , which g++ 12 gets wrong around co_await.
  boost::system::error_code error;
  std::size_t size = 0;
  if (tls_) {
    std::tie(error, size) = co_await tls_->async_read_some(buffer, kAwait);
  } else {
    std::tie(error, size) = co_await socket_.async_read_some(buffer, kAwait);
  }
  if (error || is_dead()) co_return 0;
  progressed(size);
  co_return size;
}

asio::awaitable<std::uint64_t> Transport::send(Pieces pieces, bool more_follows) {
  const int flags = more_follows ? MSG_MORE : 0;
  std::uint64_t sent = 0;
  bool left = drop_front(pieces, 0);
  while (left && !is_dead()) {
    boost::system::error_code error;
    std::size_t size = 0;
    if (tls_) {
      std::tie(error, size) = co_await tls_->async_write_some(pieces, kAwait);
    } else {
      std::tie(error, size) = co_await socket_.async_send(pieces, flags, kAwait);
    }
    sent += size;
    sent_ += size;
    if (error) break;
    progressed(size);
    left = drop_front(pieces, size);
  }
  co_return sent;
}

asio::awaitable<bool> Transport::ready_within(std::optional<std::chrono::milliseconds> patience) {
  if (is_dead()) co_return false;
  is_waiting_ = true;
  ++waits_;
  if (patience) {
    patience_timer_.expires_after(*patience);
    patience_timer_.async_wait(
        [self = shared_from_this(), wait = waits_](boost::system::error_code cancelled) {
          if (cancelled || !self->is_waiting_ || self->waits_ != wait) return;
          boost::system::error_code ignored;
          self->socket_.cancel(ignored);
        });
  }
  const auto [error] = co_await socket_.async_wait(tcp::socket::wait_write, kAwait);
  is_waiting_ = false;
  if (patience) patience_timer_.cancel();
  co_return !error && !is_dead();
}

asio::awaitable<bool> Transport::wait_until_ready() {
  return ready_within(std::nullopt);
}

asio::awaitable<std::uint64_t> Transport::send_while_ready(Pieces pieces,
                                                           std::chrono::milliseconds patience) {
  std::uint64_t sent = 0;
  bool left = drop_front(pieces, 0);
  while (left && !is_dead()) {
    boost::system::error_code error;
    std::size_t size = 0;
    if (tls_) {
      // What OpenSSL has begun to write it must end, so it begins only what the socket takes.
      pollfd socket{socket_.native_handle(), POLLOUT, 0};
      if (::poll(&socket, 1, 0) == 0) {
        const bool is_ready = co_await ready_within(patience);
        if (!is_ready) break;
      }
      std::tie(error, size) = co_await tls_->async_write_some(pieces, kAwait);
    } else {
      size = socket_.send(pieces, 0, error);
      if (error == asio::error::would_block) {
        const bool is_ready = co_await ready_within(patience);
        if (!is_ready) break;
        continue;
      }
    }
    sent += size;
    sent_ += size;
    if (error) {
      interrupted_ = true;  // Nothing more can be sent.
      break;
    }
    progressed(size);
    left = drop_front(pieces, size);
  }
  co_return sent;
}

std::uint64_t Transport::taken() {
  return sent_ - std::min<std::uint64_t>(sent_, unacknowledged());
}

void Transport::interrupt() {
  interrupted_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

asio::awaitable<void> Transport::close(std::chrono::milliseconds linger) {
  boost::system::error_code ignored;
  if (linger.count() > 0 && !is_dead()) {
    expire_at(Clock::now() + linger);
    if (tls_) (void)co_await tls_->async_shutdown(kAwait);
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    std::array<char, 4096> waste;
    for (std::size_t discarded = 0; discarded < kLingerBytesMax && !is_dead();) {
      const auto [error, size] = co_await socket_.async_read_some(asio::buffer(waste), kAwait);
      if (error) break;
      discarded += size;
    }
  }
  interrupted_ = true;
  timer_.cancel();
  socket_.close(ignored);
}

void Transport::reset() {
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  interrupted_ = true;
  timer_.cancel();
  socket_.close(ignored);
}

}  // namespace sluice::http
