// A second address that answers health requests only: on its own thread, without TLS, so
// that a flood of handshakes cannot delay it.
#pragma once

#include <cstdint>
#include <functional>

#include "api/routes/readiness.h"
#include "base/instant.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "cli/address.h"
#include "http/router.h"
#include "http/server.h"
#include "store/store.h"

namespace sluice::cli {

class HealthServer {
 public:
  /// `server`: the options of the server itself.
  HealthServer(const http::ServerOptions& server, const Address& address,
               std::function<void(const http::RequestRecord&)> on_request);

  Result<void> listen() { return server_.listen(); }
  /// All must outlive it.
  Result<void> start(const store::Store& store, const Clock& clock,
                     const api::Readiness& readiness);
  std::uint16_t port() const { return server_.port(); }
  void stop() { server_.stop(); }

 private:
  http::Router router_;
  WorkerPool pool_{{.threads = 1, .queue_max = 64, .name = "health", .nice = 0}};
  http::Server server_;
};

}  // namespace sluice::cli
