// One client connection: request, handler, response, and again. Internal to http: only its .cc
// files include this.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/worker_pool.h"
#include "http/admission.h"
#include "http/cors.h"
#include "http/forwarded.h"
#include "http/own_hosts.h"
#include "http/request_reader.h"
#include "http/response_writer.h"
#include "http/router.h"
#include "http/server.h"
#include "http/transport.h"

namespace sluice::http {

/// What all connections of a server share; outlives them.
struct Services {
  Services(const ServerOptions& server_options, const Router& server_router,
           WorkerPool& server_pool, std::function<void(const RequestRecord&)> record);

  const ServerOptions& options;
  const Router& router;
  WorkerPool& pool;
  const std::function<void(const RequestRecord&)> on_request;
  const Cors cors;
  const TrustedProxies proxies;
  const OwnHosts own_hosts;
  MemoryBudget bodies;
  const std::shared_ptr<MemoryBudget> answers;
};

/// Used on the thread of `context` only.
class Connection {
 public:
  Connection(std::shared_ptr<boost::asio::io_context> context, boost::asio::ip::tcp::socket socket,
             Admission::Ticket ticket, Services& services);

  /// Serves until either side ends it. With a refused ticket it sends one answer: the refusal, or
  /// that of an immediate route. The connection must live until it returns.
  boost::asio::awaitable<void> serve();
  /// Accepts no further request: closes at once if idle, else after the current response.
  void drain();
  /// Also aborts the current request.
  void abort() { transport_->interrupt(); }

 private:
  struct Exchange;

  /// The TLS handshake, if there is one; false when it failed and the connection is closed.
  boost::asio::awaitable<bool> begin();
  /// Why a request is refused when its head has been read.
  std::optional<Refusal> refuse_head(const Request& request) const;
  boost::asio::awaitable<bool> answer(Incoming incoming);
  boost::asio::awaitable<void> make_response(std::shared_ptr<Exchange> exchange);
  boost::asio::awaitable<void> check_body(Incoming& incoming);
  boost::asio::awaitable<void> run_handler(std::shared_ptr<Exchange> exchange);
  void count_answer(Exchange& exchange);
  boost::asio::awaitable<void> begin_stream(std::shared_ptr<Exchange> exchange);
  boost::asio::awaitable<Sent> send(std::shared_ptr<Exchange> exchange);
  void record(const Exchange& exchange, const Sent& sent, bool aborted) const;

  std::shared_ptr<boost::asio::io_context> context_;
  Services& services_;
  const Admission::Ticket ticket_;
  std::shared_ptr<Transport> transport_;
  RequestReader reader_;
  bool is_draining_ = false;
  bool is_closing_ = false;
};

}  // namespace sluice::http
