// Listens, and reads the first bytes of each connection: answers health requests on this thread,
// which does nothing else, and hands other connections to the socket threads in turn. Internal to
// http: only its .cc files include this.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "http/handshake_rate.h"
#include "http/io_thread.h"

namespace sluice::http {

class AcceptLoop {
 public:
  /// Runs on `own`, where immediate routes are answered. Those and refusals are served by `urgent`.
  /// All references outlive it.
  AcceptLoop(IoThread& own, const std::vector<std::unique_ptr<IoThread>>& threads,
             Admission& admission, Services& services, Services& urgent);

  /// Binds and listens; nothing is accepted before start().
  Result<void> listen(const std::string& host, std::uint16_t port);
  std::uint16_t port() const { return port_; }
  void start();
  /// After this has returned no further connection is adopted. Not to be called on a socket thread.
  void stop();

 private:
  /// A connection of which nothing was read yet.
  struct Arrival;
  using Arrivals = std::list<std::shared_ptr<Arrival>>;

  boost::asio::awaitable<void> run();
  void take(boost::asio::ip::tcp::socket socket);
  void look_at(const std::shared_ptr<Arrival>& arrival);
  void hand_over(boost::asio::ip::tcp::socket socket, Admission::Ticket ticket);
  void make_room(const std::string& peer_address);

  IoThread& own_;
  const std::vector<std::unique_ptr<IoThread>>& threads_;
  Admission& admission_;
  Services& services_;
  Services& urgent_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::uint16_t port_ = 0;
  std::size_t turn_ = 0;      // its thread only, as are
  HandshakeRate handshakes_;  // and
  Arrivals arrivals_;         // oldest first
  bool is_stopping_ = false;
  bool started_ = false;
  std::mutex mutex_;
  std::condition_variable ended_signal_;
  bool ended_ = false;  // guarded by mutex_
};

}  // namespace sluice::http
