#include "http/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "http/accept_loop.h"
#include "http/admission.h"
#include "http/connection.h"
#include "http/forwarded.h"
#include "http/io_thread.h"

namespace sluice::http {
namespace {

/// Of the descriptors that the process may have, for the store and the files that are sent.
constexpr std::size_t kOtherDescriptors = 1024;

/// Every connection is a descriptor, and so are the files that are sent. How many connections there
/// may be: without a descriptor left not even a refusal could be told.
std::size_t make_room_for(std::size_t connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return connections;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return connections;
  const std::size_t all = limit.rlim_cur;
  const std::size_t possible = all - std::min(all / 2, kOtherDescriptors);
  if (possible < connections)
    spdlog::warn("http takes fewer connections than it was told: descriptors={} connections={}",
                 all, possible);
  return std::min(connections, possible);
}

ServerOptions with_room(ServerOptions options) {
  options.connections_max = make_room_for(options.connections_max);
  return options;
}

std::vector<std::string> canonical_addresses(const std::vector<std::string>& addresses) {
  std::vector<std::string> canonical;
  canonical.reserve(addresses.size());
  for (const std::string& address : addresses) canonical.push_back(canonical_address(address));
  return canonical;
}

/// For immediate routes and refusals: one a connection, with no body to speak of.
ServerOptions urgent(ServerOptions options) {
  options.body_size_max = 4096;
  options.idle_timeout = std::min(options.idle_timeout, std::chrono::milliseconds(2000));
  options.header_timeout = std::min(options.header_timeout, std::chrono::milliseconds(5000));
  options.body_timeout = std::min(options.body_timeout, std::chrono::milliseconds(5000));
  options.write_timeout = std::min(options.write_timeout, std::chrono::milliseconds(5000));
  options.keeps_alive = false;
  return options;
}

}  // namespace

// Members are destroyed from the last up: the acceptor before the threads' contexts.
struct Server::Impl {
  Impl(ServerOptions server_options, const Router& router, WorkerPool& pool,
       std::function<void(const RequestRecord&)> on_request)
      : options(with_room(std::move(server_options))),
        urgent_options(urgent(options)),
        services(options, router, pool, on_request),
        urgent_services(urgent_options, router, pool, on_request),
        admission(options.connections_max, options.connections_of_address_max,
                  canonical_addresses(options.trusted_proxies)) {
    for (std::size_t i = 0; i < std::max<std::size_t>(options.socket_threads, 1); ++i)
      threads.push_back(std::make_unique<IoThread>());
    accept_loop =
        std::make_unique<AcceptLoop>(front, threads, admission, services, urgent_services);
  }

  /// Calls `action` for every thread that has connections.
  void for_each_thread(void (IoThread::*action)()) {
    for (const auto& thread : threads) (thread.get()->*action)();
    (front.*action)();
  }

  const ServerOptions options;
  const ServerOptions urgent_options;
  Services services;
  Services urgent_services;
  Admission admission;
  IoThread front;
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
  SLUICE_RETURN_IF_ERROR(listen());
  for (std::size_t i = 0; i < impl_->threads.size(); ++i)
    impl_->threads[i]->start("http-" + std::to_string(i));
  impl_->front.start("http-front");
  impl_->accept_loop->start();
  return {};
}

std::uint16_t Server::port() const {
  return impl_->accept_loop->port();
}

std::size_t Server::connections() const {
  return impl_->admission.served();
}

void Server::stop() {
  const std::lock_guard lock(impl_->stop_mutex);
  if (impl_->is_stopped) return;
  impl_->is_stopped = true;
  impl_->accept_loop->stop();
  impl_->for_each_thread(&IoThread::drain);
  if (!impl_->admission.wait_for_none(impl_->options.shutdown_timeout)) {
    impl_->for_each_thread(&IoThread::abort);
    // Handlers that still run are waited for: they use what the caller destroys next.
    impl_->admission.wait_for_none(std::nullopt);
  }
  impl_->for_each_thread(&IoThread::join);
}

}  // namespace sluice::http
