// One connection's byte stream with its deadline, plain or TLS: nothing above knows which. Internal
// to http: only its .cc files include this.
#pragma once

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace sluice::http {

/// Socket errors come back as values: a client that went away is an outcome.
inline constexpr auto kAwait = boost::asio::as_tuple(boost::asio::use_awaitable);

using Pieces = std::array<boost::asio::const_buffer, 3>;

/// Not thread-safe: used on its socket's io thread only. One operation at a time.
class Transport : public std::enable_shared_from_this<Transport> {
 public:
  using Clock = std::chrono::steady_clock;

  /// A transfer must move at least `rate_min` bytes a second, averaged over its time-out. Without
  /// `tls` the connection is plain.
  Transport(boost::asio::ip::tcp::socket socket, std::size_t rate_min,
            const std::shared_ptr<boost::asio::ssl::context>& tls);

  boost::asio::any_io_executor executor() { return socket_.get_executor(); }
  /// Canonical, without port.
  const std::string& peer_address() const { return peer_address_; }
  /// "address:port" that the client reached.
  const std::string& local_host() const { return local_host_; }

  bool is_tls() const { return tls_.has_value(); }

  /// To be awaited before anything else; true at once on a plain connection, false when the client
  /// and we have no common ground or the deadline strikes.
  boost::asio::awaitable<bool> handshake();

  /// What is waited for afterwards fails at `deadline`.
  void expire_at(Clock::time_point deadline);
  /// From now on, transfers must reach rate_min * timeout bytes in each `timeout`, so that a slow
  /// client is served and a stalled one is not.
  void begin_transfer(std::chrono::milliseconds timeout);
  void clear_deadline() { deadline_ = Clock::time_point::max(); }
  /// Whether the deadline set last has struck.
  bool timed_out() const { return timed_out_; }

  /// The number of bytes read; 0 when the client closed or vanished, at the deadline and after
  /// interrupt().
  boost::asio::awaitable<std::size_t> read_some(boost::asio::mutable_buffer buffer);
  /// Sends all pieces, in order; how many bytes went out: fewer means that the connection is dead.
  /// `more_follows` lets the kernel wait for what comes next before it sends a packet.
  boost::asio::awaitable<std::uint64_t> send(Pieces pieces, bool more_follows);
  /// The same, but ends early when the client takes nothing for `patience`.
  boost::asio::awaitable<std::uint64_t> send_while_ready(Pieces pieces,
                                                         std::chrono::milliseconds patience);
  /// Whether the client takes bytes again; false when the connection is dead.
  boost::asio::awaitable<bool> wait_until_ready();
  /// How many bytes the client has acknowledged, about.
  std::uint64_t taken();

  /// Wakes whoever waits; everything fails from now on.
  void interrupt();
  /// Shuts down sending, waits up to `linger` until the client has read everything, closes. Without
  /// waiting, bytes that the client is still sending would make the kernel discard our
  /// answer.
  /// With TLS it sends close_notify first.
  boost::asio::awaitable<void> close(std::chrono::milliseconds linger);
  /// Closes so that the client sees an error, not an end.
  void reset();
  bool is_dead() const { return timed_out_ || interrupted_; }

 private:
  void arm();
  void on_timer();
  void progressed(std::size_t bytes);
  std::size_t transfer_wanted() const;
  std::size_t unacknowledged();
  /// Whether the socket takes bytes within `patience`; without it waits until it does, or is dead.
  boost::asio::awaitable<bool> ready_within(std::optional<std::chrono::milliseconds> patience);

  boost::asio::ip::tcp::socket socket_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer patience_timer_;
  const std::size_t rate_min_;
  std::string peer_address_;
  std::string local_host_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point armed_ = Clock::time_point::max();  // when timer_ strikes; max: it sleeps
  std::chrono::milliseconds transfer_timeout_{0};       // 0: the deadline is not renewed
  std::size_t transferred_ = 0;                         // since the deadline was set
  std::size_t queued_ = 0;   // in the kernel's send buffer when the deadline was set
  std::uint64_t sent_ = 0;   // in all
  std::uint64_t waits_ = 0;  // for the socket to be ready: which of them the timer belongs to
  bool is_waiting_ = false;
  bool timed_out_ = false;
  bool interrupted_ = false;
};

}  // namespace sluice::http
