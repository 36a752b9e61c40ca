#include "http/accept_loop.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "base/log.h"

namespace sluice::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// So many refused connections may wait for their 503 at a time; what comes above is just closed.
constexpr std::size_t kRefusedMax = 256;
/// After an accept that failed for want of descriptors or memory: an endless loop would not help.
constexpr std::chrono::milliseconds kPause{100};

}  // namespace

AcceptLoop::AcceptLoop(const std::vector<std::unique_ptr<IoThread>>& threads,
                       ConnectionCount& count, Services& services)
    : threads_(threads),
      count_(count),
      services_(services),
      acceptor_(*threads.front()->context()),
      pause_(*threads.front()->context()) {}

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
  for (std::size_t turn = 0; !is_stopping_; turn = (turn + 1) % threads_.size()) {
    IoThread& thread = *threads_[turn];
    auto [error, socket] = co_await acceptor_.async_accept(*thread.context(), kAwait);
    if (!error) {
      const bool refused = count_.served() >= services_.options.connections_max;
      if (refused && count_.refused() >= kRefusedMax) continue;
      thread.adopt(std::move(socket), refused, services_);
    } else if (!is_stopping_ && error != asio::error::connection_aborted) {
      spdlog::warn("http cannot accept error={}", error.message());
      pause_.expires_after(kPause);
      co_await pause_.async_wait(kAwait);
    }
  }
}

void AcceptLoop::stop() {
  if (!started_) return;
  asio::post(acceptor_.get_executor(), [this] {
    is_stopping_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
  });
  std::unique_lock lock(mutex_);
  ended_signal_.wait(lock, [this] { return ended_; });
}

}  // namespace sluice::http
