#include "cli/health_server.h"

#include <utility>

#include "api/routes/routes.h"

namespace sluice::cli {
namespace {

constexpr std::size_t kConnectionsMax = 256;
constexpr std::size_t kConnectionsOfAddressMax = 64;

http::ServerOptions for_health(http::ServerOptions options, const Address& address) {
  options.host = address.host;
  options.port = address.port;
  options.tls = nullptr;
  options.own_hosts.reset();
  options.cors_origins.clear();
  options.trusted_proxies.clear();
  options.socket_threads = 1;
  options.connections_max = kConnectionsMax;
  options.connections_of_address_max = kConnectionsOfAddressMax;
  options.body_size_max = 0;
  return options;
}

}  // namespace

HealthServer::HealthServer(const http::ServerOptions& server, const Address& address,
                           std::function<void(const http::RequestRecord&)> on_request)
    : router_(api::error_responder()),
      server_(for_health(server, address), router_, pool_, std::move(on_request)) {}

Result<void> HealthServer::start(const store::Store& store, const Clock& clock,
                                 const api::Readiness& readiness) {
  api::add_health_routes(router_, store, clock, readiness);
  return server_.start();
}

}  // namespace sluice::cli
