// Listens and hands connections to the socket threads in turn. Internal to http: only its .cc files
// include this.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "http/io_thread.h"

namespace sluice::http {

class AcceptLoop {
 public:
  /// Runs on the first of `threads`. All references outlive it.
  AcceptLoop(const std::vector<std::unique_ptr<IoThread>>& threads, ConnectionCount& count,
             Services& services);

  /// Binds and listens; nothing is accepted before start().
  Result<void> listen(const std::string& host, std::uint16_t port);
  std::uint16_t port() const { return port_; }
  void start();
  /// After this has returned no further connection is adopted. Not to be called on a socket thread.
  void stop();

 private:
  boost::asio::awaitable<void> run();

  const std::vector<std::unique_ptr<IoThread>>& threads_;
  ConnectionCount& count_;
  Services& services_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::uint16_t port_ = 0;
  bool started_ = false;
  bool is_stopping_ = false;  // its thread only
  std::mutex mutex_;
  std::condition_variable ended_signal_;
  bool ended_ = false;  // guarded by mutex_
};

}  // namespace sluice::http
