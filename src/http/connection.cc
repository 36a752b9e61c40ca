#include "http/connection.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"
#include "http/pool_job.h"
#include "http/response_head.h"

namespace sluice::http {

namespace asio = boost::asio;

namespace {

/// How long a client may take to read our last answer before the socket is closed on it.
constexpr std::chrono::milliseconds kLinger{2000};
constexpr std::chrono::milliseconds kLingerWhenDraining{250};
constexpr std::chrono::milliseconds kLingerWhenRefused{1000};

Refusal overloaded(const char* message) {
  Refusal refusal{503, {ErrorKind::kUnavailable, message}};
  refusal.error.retry_after = std::chrono::seconds(1);
  return refusal;
}

/// The application's words for `error`; a bare 500 if it has none.
Response ask_responder(const Error& error, const Request& request, const Router& router) {
  try {
    return router.on_error()(request, error);
  } catch (const std::exception& e) {
    spdlog::error("http error responder threw id={} what={}", request.id, e.what());
  }
  Response bare;
  bare.status = 500;
  return bare;
}

/// The response to `refusal`, with its exact status. Made on the io thread: it must be there when
/// the pool is full.
Response respond_to(const Refusal& refusal, const Request& request, const Router& router) {
  Response response = ask_responder(refusal.error, request, router);
  response.status = refusal.status;
  if (refusal.error.retry_after && response.headers.count("Retry-After") == 0)
    response.headers.set("Retry-After", std::to_string(refusal.error.retry_after->count()));
  return response;
}

}  // namespace

Services::Services(const ServerOptions& server_options, const Router& server_router,
                   WorkerPool& server_pool, std::function<void(const RequestRecord&)> record)
    : options(server_options),
      router(server_router),
      pool(server_pool),
      on_request(std::move(record)),
      cors(server_options.cors_origins),
      proxies(server_options.trusted_proxies),
      bodies(server_options.bodies_size_max) {}

/// One request and its response. Shared with the pool while the handler runs.
struct Connection::Exchange {
  Incoming incoming;
  Response response;
  std::string route = "unmatched";
  bool keep_alive = false;
  std::shared_ptr<StreamPump> pump;
};

Connection::Connection(std::shared_ptr<asio::io_context> context, asio::ip::tcp::socket socket,
                       Services& services)
    : context_(std::move(context)),
      services_(services),
      transport_(std::make_shared<Transport>(
          std::move(socket), services.options.transfer_rate_min,
          services.options.tls ? services.options.tls->current() : nullptr)),
      reader_(transport_, services.options, services.proxies, services.bodies) {}

void Connection::drain() {
  is_draining_ = true;
  if (reader_.is_idle() || is_closing_) transport_->interrupt();
}

asio::awaitable<void> Connection::serve() {
  bool go_on = true;
  bool answered = false;
  const bool begun = co_await begin();
  if (!begun) co_return;
  while (go_on && !is_draining_) {
    Incoming incoming = co_await reader_.next();
    answered =
        incoming.kind == Incoming::Kind::kRequest || incoming.kind == Incoming::Kind::kRefused;
    if (incoming.kind == Incoming::Kind::kClosed) break;
    go_on = co_await answer(std::move(incoming));
  }
  is_closing_ = true;
  // After a time-out or a vanished client there is nobody to wait for.
  const auto linger = is_draining_ ? kLingerWhenDraining : kLinger;
  co_await transport_->close(answered ? linger : std::chrono::milliseconds(0));
}

asio::awaitable<bool> Connection::begin() {
  transport_->expire_at(Transport::Clock::now() + services_.options.header_timeout);
  const bool agreed = co_await transport_->handshake();
  if (agreed) co_return true;
  is_closing_ = true;
  co_await transport_->close(std::chrono::milliseconds(0));
  co_return false;
}

asio::awaitable<void> Connection::refuse() {
  const bool begun = co_await begin();
  if (!begun) co_return;
  Incoming incoming;
  incoming.kind = Incoming::Kind::kRefused;
  incoming.begun = std::chrono::steady_clock::now();
  incoming.request.id = random_hex(8);
  incoming.request.peer_address = transport_->peer_address();
  incoming.refusal = overloaded("too many connections");
  (void)co_await answer(std::move(incoming));
  is_closing_ = true;
  co_await transport_->close(kLingerWhenRefused);
}

asio::awaitable<bool> Connection::answer(Incoming incoming) {
  const auto exchange = std::make_shared<Exchange>();
  exchange->incoming = std::move(incoming);
  if (exchange->incoming.kind == Incoming::Kind::kCut) {
    record(*exchange, Sent{}, true);
    co_return false;
  }
  transport_->clear_deadline();
  co_await make_response(exchange);
  const Sent sent = co_await send(exchange);
  record(*exchange, sent, !sent.complete);
  co_return sent.complete && exchange->keep_alive;
}

asio::awaitable<void> Connection::make_response(std::shared_ptr<Exchange> exchange) {
  Incoming& incoming = exchange->incoming;
  if (incoming.kind == Incoming::Kind::kRefused) {
    exchange->route = "refused";
    exchange->response = respond_to(incoming.refusal, incoming.request, services_.router);
  } else {
    exchange->keep_alive = incoming.keep_alive;
    co_await run_handler(exchange);
    co_await begin_stream(exchange);
  }
  services_.cors.apply(incoming.request, exchange->response);
}

asio::awaitable<void> Connection::run_handler(std::shared_ptr<Exchange> exchange) {
  const auto job = std::make_shared<PoolJob>(context_, services_.pool);
  std::function<void()> work = [exchange, &router = services_.router] {
    exchange->response = router.dispatch(exchange->incoming.request, exchange->route);
  };
  if (!job->start(std::move(work))) {
    exchange->response = respond_to(overloaded("too many requests at once"),
                                    exchange->incoming.request, services_.router);
    co_return;
  }
  co_await job->wait();
}

/// A stream's first bytes are read before the head is sent: what fails there can still be told.
asio::awaitable<void> Connection::begin_stream(std::shared_ptr<Exchange> exchange) {
  const Request& request = exchange->incoming.request;
  Response& response = exchange->response;
  if (auto* file = std::get_if<FileBody>(&response.body);
      file != nullptr && (!services_.options.use_sendfile || transport_->is_tls()))
    response.body = stream_of(std::move(*file));
  auto* stream = std::get_if<StreamBody>(&response.body);
  const bool has_content = response.status != 204 && response.status != 304;
  if (stream == nullptr || request.method == "HEAD" || !has_content) co_return;

  auto pump = std::make_shared<StreamPump>(context_, services_.pool, *stream);
  if (!pump->begin()) {
    response = respond_to(overloaded("too many requests at once"), request, services_.router);
    co_return;
  }
  const Result<void> first = co_await pump->wait_for_first();
  if (!first) {
    const Error& error = first.error();
    spdlog::error("http stream failed id={} route={} error={} detail={}", request.id,
                  exchange->route, to_string(error.kind), error.detail);
    response = ask_responder(error, request, services_.router);
    co_return;
  }
  exchange->pump = std::move(pump);
}

asio::awaitable<Sent> Connection::send(std::shared_ptr<Exchange> exchange) {
  const Request& request = exchange->incoming.request;
  Outgoing outgoing;
  outgoing.frame = frame_of(exchange->response, exchange->incoming.http_1_0,
                            exchange->keep_alive && !is_draining_);
  exchange->keep_alive = outgoing.frame.keep_alive;
  outgoing.head =
      write_head(exchange->response, outgoing.frame, services_.options.server_name, request.id);
  outgoing.with_body = request.method != "HEAD";
  outgoing.response = std::move(exchange->response);
  exchange->response.status = outgoing.response.status;
  outgoing.pump = exchange->pump;
  outgoing.write_timeout = services_.options.write_timeout;
  const Framing framing = outgoing.frame.framing;
  Sent sent = co_await send_response(transport_, std::move(outgoing));
  if (!sent.stream) {
    const Error& error = sent.stream.error();
    spdlog::error("http stream failed id={} route={} error={} message={} detail={}", request.id,
                  exchange->route, to_string(error.kind), error.message, error.detail);
  }
  // Where closing is the end of the body, a cut must look different.
  if (!sent.complete && framing == Framing::kUntilClose) transport_->reset();
  co_return sent;
}

void Connection::record(const Exchange& exchange, const Sent& sent, bool aborted) const {
  if (!services_.on_request) return;
  const Request& request = exchange.incoming.request;
  RequestRecord record;
  record.id = request.id;
  record.method = request.method;
  record.route = exchange.route;
  record.status = exchange.incoming.kind == Incoming::Kind::kCut ? 0 : exchange.response.status;
  record.bytes_sent = sent.body_bytes;
  record.duration = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - exchange.incoming.begun);
  record.peer_address = request.peer_address;
  record.aborted = aborted;
  services_.on_request(record);
}

}  // namespace sluice::http
