// One socket thread with its connections. Internal to http: only its .cc files include this.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>

#include "http/connection.h"

namespace sluice::http {

/// How many connections there are. Thread-safe.
class ConnectionCount {
 public:
  void add(bool refused);
  void remove(bool refused);
  std::size_t served() const;
  std::size_t refused() const;
  /// Whether none was left before `timeout`; without it waits as long as it takes.
  bool wait_for_none(std::optional<std::chrono::milliseconds> timeout);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t served_ = 0;   // guarded by mutex_
  std::size_t refused_ = 0;  // guarded by mutex_
};

class IoThread {
 public:
  explicit IoThread(ConnectionCount& count);
  ~IoThread();

  void start(std::string name);
  /// Takes a socket of context(). Counts it at once. Thread-safe.
  void adopt(boost::asio::ip::tcp::socket socket, bool refused, Services& services);
  /// Thread-safe; concern all connections adopted before.
  void drain();
  void abort();
  /// Returns when nothing is left to do on the thread.
  void join();

  const std::shared_ptr<boost::asio::io_context>& context() const { return context_; }

 private:
  void run();
  void open(std::shared_ptr<Connection> connection, bool refused);

  ConnectionCount& count_;
  // Shared with work on the pool, which may hold it a moment longer than the server lives.
  std::shared_ptr<boost::asio::io_context> context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::unordered_set<Connection*> connections_;  // its thread only
  std::thread thread_;
};

}  // namespace sluice::http
