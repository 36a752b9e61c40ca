// One socket thread with its connections. Internal to http: only its .cc files include this.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>

#include "http/admission.h"
#include "http/connection.h"

namespace sluice::http {

class IoThread {
 public:
  IoThread();
  ~IoThread();

  void start(std::string name);
  /// Takes a socket of context(). Thread-safe.
  void adopt(boost::asio::ip::tcp::socket socket, Admission::Ticket ticket, Services& services);
  /// Thread-safe; affect all connections adopted before.
  void drain();
  void abort();
  /// Returns when nothing is left to do on the thread.
  void join();

  const std::shared_ptr<boost::asio::io_context>& context() const { return context_; }

 private:
  void run();
  void open(std::shared_ptr<Connection> connection);

  // Shared with work on the pool, which may hold it a moment longer than the server lives.
  std::shared_ptr<boost::asio::io_context> context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::unordered_set<Connection*> connections_;  // its thread only
  std::thread thread_;
};

}  // namespace sluice::http
