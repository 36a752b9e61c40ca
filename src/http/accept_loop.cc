#include "http/accept_loop.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "base/log.h"
#include "http/forwarded.h"

namespace sluice::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// After an accept that failed for want of descriptors or memory: an endless loop would not help.
constexpr std::chrono::milliseconds kPause{100};
/// Room for the request line of an immediate route.
constexpr std::size_t kPeekSize = 256;

}  // namespace

struct AcceptLoop::Arrival {
  Arrival(tcp::socket new_socket, Admission::Ticket new_ticket)
      : socket(std::move(new_socket)),
        timer(socket.get_executor()),
        ticket(std::move(new_ticket)) {}

  void close() {
    boost::system::error_code ignored;
    timer.cancel();
    socket.close(ignored);
    ticket = {};
  }

  tcp::socket socket;
  asio::steady_timer timer;
  Admission::Ticket ticket;
  Arrivals::iterator place;
};

AcceptLoop::AcceptLoop(IoThread& own, const std::vector<std::unique_ptr<IoThread>>& threads,
                       Admission& admission, Services& services, Services& urgent)
    : own_(own),
      threads_(threads),
      admission_(admission),
      services_(services),
      urgent_(urgent),
      acceptor_(*own.context()),
      pause_(*own.context()),
      handshakes_(services.options.handshakes_of_address_max) {}

Result<void> AcceptLoop::listen(const std::string& host, std::uint16_t port) {
  boost::system::error_code error;
  tcp::resolver resolver(acceptor_.get_executor());
  const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, error);
  if (!error) {
    const tcp::endpoint endpoint = *found.begin();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
  }
  if (!error) return {};
  return storage_error("cannot listen on " + host + ":" + std::to_string(port), error.message());
}

void AcceptLoop::start() {
  started_ = true;
  auto on_end = [this](std::exception_ptr failure) {
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const std::exception& e) {
      spdlog::error("http accept loop ended what={}", e.what());
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    ended_signal_.notify_all();
  };
  asio::co_spawn(acceptor_.get_executor(), run(), std::move(on_end));
}

asio::awaitable<void> AcceptLoop::run() {
  while (!is_stopping_) {
    auto [error, socket] = co_await acceptor_.async_accept(*own_.context(), kAwait);
    if (!error && !is_stopping_) {
      take(std::move(socket));
    } else if (!is_stopping_ && error != asio::error::connection_aborted) {
      spdlog::warn("http cannot accept error={}", error.message());
      pause_.expires_after(kPause);
      co_await pause_.async_wait(kAwait);
    }
  }
}

void AcceptLoop::take(tcp::socket socket) {
  boost::system::error_code error;
  const std::string peer = canonical_address(socket.remote_endpoint(error).address().to_string());
  auto ticket = admission_.admit(peer);
  if (!ticket) {
    make_room(peer);
    ticket = admission_.admit(peer);
  }
  if (!ticket) return;
  if (services_.options.tls) {
    // who asks for handshakes only must not have the threads to himself.
    if (!handshakes_.take(ticket->network(), std::chrono::steady_clock::now())) return;
    return hand_over(std::move(socket), std::move(*ticket));
  }

  const auto& options = (ticket->is_refused() ? urgent_ : services_).options;
  const auto arrival = std::make_shared<Arrival>(std::move(socket), std::move(*ticket));
  arrival->place = arrivals_.insert(arrivals_.end(), arrival);
  arrival->timer.expires_after(options.idle_timeout);
  arrival->timer.async_wait([arrival](boost::system::error_code cancelled) {
    if (!cancelled) arrival->close();
  });
  arrival->socket.async_wait(tcp::socket::wait_read,
                             [this, arrival](boost::system::error_code failed) {
                               arrivals_.erase(arrival->place);
                               arrival->timer.cancel();
                               if (failed || !arrival->socket.is_open()) return arrival->close();
                               look_at(arrival);
                             });
}

// A request line that does not come in one piece is for the socket threads, and so are refusals:
// here is no work but for what must be answered at once.
void AcceptLoop::look_at(const std::shared_ptr<Arrival>& arrival) {
  std::array<char, kPeekSize> bytes;
  const ssize_t size =
      ::recv(arrival->socket.native_handle(), bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  if (size == 0) return arrival->close();
  const std::string_view peeked(bytes.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  if (services_.router.begins_immediate(peeked))
    own_.adopt(std::move(arrival->socket), std::move(arrival->ticket), urgent_);
  else
    hand_over(std::move(arrival->socket), std::move(arrival->ticket));
}

void AcceptLoop::hand_over(tcp::socket socket, Admission::Ticket ticket) {
  IoThread& thread = *threads_[turn_];
  turn_ = (turn_ + 1) % threads_.size();
  boost::system::error_code error;
  const auto protocol = socket.local_endpoint(error).protocol();
  const auto descriptor = socket.release(error);
  if (error) return;
  tcp::socket moved(*thread.context());
  moved.assign(protocol, descriptor, error);
  if (error) {
    ::close(descriptor);
    return;
  }
  Services& services = ticket.is_refused() ? urgent_ : services_;
  thread.adopt(std::move(moved), std::move(ticket), services);
}

// A new connection replaces a refused connection that has sent nothing: first one of the same
// network, so that a network with many connections does not block others.
void AcceptLoop::make_room(const std::string& peer_address) {
  const std::string network = admission_.network_of(peer_address);
  Arrivals::iterator oldest = arrivals_.end();
  for (auto it = arrivals_.begin(); it != arrivals_.end(); ++it) {
    if (!(*it)->ticket.is_refused()) continue;
    if (oldest == arrivals_.end()) oldest = it;
    if ((*it)->ticket.network() != network) continue;
    oldest = it;
    break;
  }
  if (oldest != arrivals_.end()) (*oldest)->close();
}

void AcceptLoop::stop() {
  if (!started_) return;
  asio::post(acceptor_.get_executor(), [this] {
    is_stopping_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    for (const auto& arrival : arrivals_) arrival->close();
  });
  std::unique_lock lock(mutex_);
  ended_signal_.wait(lock, [this] { return ended_; });
}

}  // namespace sluice::http
