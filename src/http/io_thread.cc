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

IoThread::IoThread()
    : context_(std::make_shared<asio::io_context>(1)), work_(asio::make_work_guard(*context_)) {}

IoThread::~IoThread() {
  join();
}

void IoThread::start(std::string name) {
  thread_ = std::thread([this, name = std::move(name)] {
    name_this_thread(name, 0);
    // A client that went away must not end the process, whatever writes to its socket.
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

void IoThread::adopt(asio::ip::tcp::socket socket, Admission::Ticket ticket, Services& services) {
  asio::post(*context_, [this, &services, socket = std::move(socket),
                         ticket = std::move(ticket)]() mutable {
    open(std::make_shared<Connection>(context_, std::move(socket), std::move(ticket), services));
  });
}

void IoThread::open(std::shared_ptr<Connection> connection) {
  Connection* raw = connection.get();
  connections_.insert(raw);
  // Called on this thread when the coroutine is over; keeps the connection until then.
  auto on_end = [this, connection = std::move(connection)](std::exception_ptr failure) {
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const std::exception& e) {
      spdlog::error("http connection caught what={}", e.what());
      connection->abort();
    }
    connections_.erase(connection.get());
  };
  asio::co_spawn(*context_, raw->serve(), std::move(on_end));
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
