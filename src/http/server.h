// The HTTP/1.1 server: listening, connections, limits and time-outs, shutdown.
//
// A few Asio threads do sockets in coroutines; handlers and stream bodies run on the request pool.
// A thread accepts connections and does nothing else but answer immediate routes, so that these are
// answered while all other threads are busy.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/worker_pool.h"
#include "http/router.h"
#include "http/tls.h"

namespace sluice::http {

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: a free one
  std::size_t socket_threads = 2;
  std::size_t header_size_max = 16u << 10;
  std::size_t body_size_max = 64u << 20;
  std::size_t connections_max = 10'000;  ///< more are accepted and closed with 503
  /// Of one address (IPv6: of one /64 network), trusted proxies excepted; more get 429. 0: no
  /// limit.
  std::size_t connections_of_address_max = 0;
  std::chrono::milliseconds header_timeout = std::chrono::seconds(10);    ///< for the whole header
  std::chrono::milliseconds body_timeout = std::chrono::seconds(30);      ///< between two chunks
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(60);      ///< between two requests
  std::chrono::milliseconds write_timeout = std::chrono::seconds(60);     ///< between two chunks
  std::chrono::milliseconds shutdown_timeout = std::chrono::seconds(10);  ///< for running requests
  /// A transfer slower than this many bytes a second, over a whole time-out, is cut.
  std::size_t transfer_rate_min = 1024;
  /// Of the request bodies of all connections together; above it 503.
  std::size_t bodies_size_max = 256u << 20;
  /// Of the answers of all connections together, while they are made and until they are sent; above
  /// it 503. nullptr: one of kAnswersSizeMax.
  std::shared_ptr<MemoryBudget> answers;
  std::string server_name = "Sluice";        ///< the Server header
  std::vector<std::string> cors_origins;     ///< exact origins or "*"; empty: no CORS
  std::vector<std::string> trusted_proxies;  ///< IP addresses whose X-Forwarded-* are believed
  /// Other names and addresses than these, loopback ones and the one that was reached are answered
  /// 421, pages of other origins 403; nullopt: any are served.
  std::optional<std::vector<std::string>> own_hosts;
  std::shared_ptr<TlsContexts> tls;  ///< nullptr: plain HTTP
  /// That one address may begin in a second, twice as many at once; others are closed. Counted as
  /// connections of an address are. 0: no limit.
  std::size_t handshakes_of_address_max = 0;
  bool keeps_alive = true;  ///< false: one request a connection
};

/// What happened to one request; for the log line and the metrics.
struct RequestRecord {
  std::string id;
  std::string method;
  /// The route's name, never the path: paths can hold ids. "unmatched" when there is none,
  /// "options", "refused" for requests that no handler saw (malformed, too large, too slow, too
  /// many).
  std::string route;
  int status = 0;                ///< 0 when the client vanished before its request was complete
  std::uint64_t bytes_sent = 0;  ///< of the body
  std::chrono::microseconds duration{0};
  std::string peer_address;
  bool aborted = false;  ///< the client went away or a time-out cut it
};

class Server {
 public:
  /// `router` and `pool` must outlive the server; the router is complete before start().
  /// `on_request` is called from any thread after each request; it must be quick.
  Server(ServerOptions options, const Router& router, WorkerPool& pool,
         std::function<void(const RequestRecord&)> on_request);
  ~Server();

  /// Binds, so that the port is known; nothing is answered before start(). kStorage ("cannot listen
  /// on ...") when the address is taken.
  Result<void> listen();
  /// Begins to accept; listens first if that has not been done.
  Result<void> start();
  /// After listen(): the port that is listened on.
  std::uint16_t port() const;
  std::size_t connections() const;
  /// Stops accepting, lets running requests finish (at most shutdown_timeout), closes the others.
  /// Returns when no handler runs any more. Idempotent; final: there is no second start(). Must not
  /// be called from a handler or from `on_request`.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::http
