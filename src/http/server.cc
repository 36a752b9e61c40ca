#include "http/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "http/accept_loop.h"
#include "http/connection.h"
#include "http/io_thread.h"

namespace sluice::http {
namespace {

/// Every connection is a descriptor, and so are the files that are sent.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);  // Without it the accept loop pauses when they run out.
}

}  // namespace

// Members are destroyed from the last up: the acceptor before the threads' contexts.
struct Server::Impl {
  Impl(ServerOptions server_options, const Router& router, WorkerPool& pool,
       std::function<void(const RequestRecord&)> on_request)
      : options(std::move(server_options)), services(options, router, pool, std::move(on_request)) {
    for (std::size_t i = 0; i < std::max<std::size_t>(options.socket_threads, 1); ++i)
      threads.push_back(std::make_unique<IoThread>(count));
    accept_loop = std::make_unique<AcceptLoop>(threads, count, services);
  }

  const ServerOptions options;
  Services services;
  ConnectionCount count;
  std::vector<std::unique_ptr<IoThread>> threads;
  std::unique_ptr<AcceptLoop> accept_loop;
  std::mutex stop_mutex;
  bool is_stopped = false;  // guarded by stop_mutex
};

Server::Server(ServerOptions options, const Router& router, WorkerPool& pool,
               std::function<void(const RequestRecord&)> on_request)
    : impl_(std::make_unique<Impl>(std::move(options), router, pool, std::move(on_request))) {}

Server::~Server() {
  stop();
}

Result<void> Server::listen() {
  if (impl_->accept_loop->port() != 0) return {};
  return impl_->accept_loop->listen(impl_->options.host, impl_->options.port);
}

Result<void> Server::start() {
  raise_descriptor_limit();
  SLUICE_CHECK(listen());
  for (std::size_t i = 0; i < impl_->threads.size(); ++i)
    impl_->threads[i]->start("http-" + std::to_string(i));
  impl_->accept_loop->start();
  return {};
}

std::uint16_t Server::port() const {
  return impl_->accept_loop->port();
}

std::size_t Server::connections() const {
  return impl_->count.served();
}

void Server::stop() {
  const std::lock_guard lock(impl_->stop_mutex);
  if (impl_->is_stopped) return;
  impl_->is_stopped = true;
  impl_->accept_loop->stop();
  for (const auto& thread : impl_->threads) thread->drain();
  if (!impl_->count.wait_for_none(impl_->options.shutdown_timeout)) {
    for (const auto& thread : impl_->threads) thread->abort();
    // Handlers that still run are waited for: they use what the caller destroys next.
    impl_->count.wait_for_none(std::nullopt);
  }
  for (const auto& thread : impl_->threads) thread->join();
}

}  // namespace sluice::http
