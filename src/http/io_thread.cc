#include "http/io_thread.h"

#include <pthread.h>
#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "base/log.h"

namespace sluice::http {

namespace asio = boost::asio;

void ConnectionCount::add(bool refused) {
  const std::lock_guard lock(mutex_);
  ++(refused ? refused_ : served_);
}

void ConnectionCount::remove(bool refused) {
  const std::lock_guard lock(mutex_);
  --(refused ? refused_ : served_);
  if (served_ + refused_ == 0) changed_.notify_all();
}

std::size_t ConnectionCount::served() const {
  const std::lock_guard lock(mutex_);
  return served_;
}

std::size_t ConnectionCount::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

bool ConnectionCount::wait_for_none(std::optional<std::chrono::milliseconds> timeout) {
  std::unique_lock lock(mutex_);
  const auto none = [this] { return served_ + refused_ == 0; };
  if (timeout) return changed_.wait_for(lock, *timeout, none);
  changed_.wait(lock, none);
  return true;
}

IoThread::IoThread(ConnectionCount& count)
    : count_(count),
      context_(std::make_shared<asio::io_context>(1)),
      work_(asio::make_work_guard(*context_)) {}

IoThread::~IoThread() {
  join();
}

void IoThread::start(std::string name) {
  thread_ = std::thread([this, name = std::move(name)] {
    name_this_thread(name, 0);
    // sendfile(2) has no MSG_NOSIGNAL; a client that went away must not end the process.
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    run();
  });
}

void IoThread::run() {
  while (true) {
    try {
      context_->run();
      return;
    } catch (const std::exception& e) {
      spdlog::error("http socket thread caught what={}", e.what());
    }
  }
}

void IoThread::adopt(asio::ip::tcp::socket socket, bool refused, Services& services) {
  count_.add(refused);
  asio::post(*context_, [this, refused, &services, socket = std::move(socket)]() mutable {
    open(std::make_shared<Connection>(context_, std::move(socket), services), refused);
  });
}

void IoThread::open(std::shared_ptr<Connection> connection, bool refused) {
  Connection* raw = connection.get();
  connections_.insert(raw);
  // Called on this thread when the coroutine is over; keeps the connection until then.
  auto on_end = [this, refused, connection = std::move(connection)](std::exception_ptr failure) {
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const std::exception& e) {
      spdlog::error("http connection caught what={}", e.what());
      connection->abort();
    }
    connections_.erase(connection.get());
    count_.remove(refused);
  };
  asio::co_spawn(*context_, refused ? raw->refuse() : raw->serve(), std::move(on_end));
}

void IoThread::drain() {
  asio::post(*context_, [this] {
    for (Connection* connection : connections_) connection->drain();
  });
}

void IoThread::abort() {
  asio::post(*context_, [this] {
    for (Connection* connection : connections_) connection->abort();
  });
}

void IoThread::join() {
  work_.reset();
  if (thread_.joinable()) thread_.join();
}

}  // namespace sluice::http
