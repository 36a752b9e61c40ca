#include "http/connection.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"
#include "http/content_coding.h"
#include "http/pool_job.h"
#include "http/response_head.h"

namespace sluice::http {

namespace asio = boost::asio;

namespace {

/// How long a stream waits for memory before it is refused.
constexpr std::chrono::milliseconds kStreamPatience{5000};
/// How long a client may take to read our last answer before the socket is closed on it.
/// Smaller answers are not counted: so many connections hold no more than so many of them, and what
/// says that there is no room must have some.
constexpr std::size_t kSmallAnswer = 16u << 10;
constexpr std::chrono::milliseconds kLinger{2000};
constexpr std::chrono::milliseconds kLingerWhenDraining{250};
constexpr std::chrono::milliseconds kLingerWhenRefused{500};

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
  if (refusal.status == 415) response.headers.set("Accept-Encoding", "gzip");
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
      own_hosts(server_options.own_hosts, server_options.cors_origins),
      bodies(server_options.bodies_size_max),
      answers(server_options.answers ? server_options.answers
                                     : std::make_shared<MemoryBudget>(kAnswersSizeMax)) {}

/// One request and its response. Shared with the pool while the handler runs.
struct Connection::Exchange {
  Incoming incoming;
  Response response;
  std::string route = "unmatched";
  bool keep_alive = false;
  std::shared_ptr<StreamPump> pump;
};

Connection::Connection(std::shared_ptr<asio::io_context> context, asio::ip::tcp::socket socket,
                       Admission::Ticket ticket, Services& services)
    : context_(std::move(context)),
      services_(services),
      ticket_(std::move(ticket)),
      transport_(std::make_shared<Transport>(
          std::move(socket), services.options.transfer_rate_min,
          services.options.tls ? services.options.tls->current() : nullptr)),
      reader_(
          transport_, services.options, services.proxies, services.bodies,
          [this](const Request& request) { return refuse_head(request); },
          [this](Incoming& incoming) { return check_body(incoming); }) {}

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
  // After a time-out or a vanished client there is nothing to wait for.
  const auto linger = is_draining_           ? kLingerWhenDraining
                      : ticket_.is_refused() ? kLingerWhenRefused
                                             : kLinger;
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
    exchange->response = incoming.answer
                             ? std::move(*incoming.answer)
                             : respond_to(incoming.refusal, incoming.request, services_.router);
  } else {
    exchange->keep_alive =
        incoming.keep_alive && services_.options.keeps_alive && !ticket_.is_refused();
    co_await run_handler(exchange);
    count_answer(*exchange);
    co_await begin_stream(exchange);
  }
  services_.cors.apply(incoming.request, exchange->response);
}

std::optional<Refusal> Connection::refuse_head(const Request& request) const {
  // They tell nothing, and whoever watches over the server may call it anything.
  if (services_.router.is_immediate(request.method, request.path)) return std::nullopt;
  if (ticket_.is_refused()) return ticket_.refusal();
  if (auto refusal = services_.own_hosts.check(request, transport_->local_host())) return refusal;
  return check_coding(request);
}

// The route must accept the client before a large body is read: otherwise unknown clients could
// fill the budget of bodies and block all others.
asio::awaitable<void> Connection::check_body(Incoming& incoming) {
  struct Check {
    Request request;
    std::optional<Response> answer;
  };
  // The pool may hold it longer than the connection lives.
  const auto check = std::make_shared<Check>();
  check->request = std::move(incoming.request);
  const auto job = std::make_shared<PoolJob>(context_, services_.pool);
  std::function<void()> work = [check, &router = services_.router] {
    std::string route;
    check->answer = router.check_head(check->request, route);
  };
  const bool is_queued = job->start(std::move(work));
  if (is_queued) co_await job->wait();
  incoming.request = std::move(check->request);
  if (is_queued && !check->answer) co_return;
  incoming.kind = Incoming::Kind::kRefused;
  if (!is_queued)
    incoming.refusal = overloaded("too many requests at once");
  else
    incoming.answer = std::make_shared<Response>(std::move(*check->answer));
}

asio::awaitable<void> Connection::run_handler(std::shared_ptr<Exchange> exchange) {
  if (Request& request = exchange->incoming.request;
      services_.router.is_immediate(request.method, request.path)) {
    exchange->response = services_.router.dispatch(request, exchange->route);
    co_return;
  }
  const auto job = std::make_shared<PoolJob>(context_, services_.pool);
  std::function<void()> work = [exchange, &router = services_.router,
                                body_size_max = services_.options.body_size_max] {
    Request& request = exchange->incoming.request;
    if (const auto refusal = decode_body(request, body_size_max, exchange->incoming.body_share)) {
      exchange->route = "refused";
      exchange->response = respond_to(*refusal, request, router);
    } else {
      exchange->response = router.dispatch(request, exchange->route);
    }
  };
  if (!job->start(std::move(work))) {
    exchange->response = respond_to(overloaded("too many requests at once"),
                                    exchange->incoming.request, services_.router);
    co_return;
  }
  co_await job->wait();
}

/// Takes the answer's part of the budget, or answers that there is none.
void Connection::count_answer(Exchange& exchange) {
  Response& response = exchange.response;
  const auto* text = std::get_if<std::string>(&response.body);
  if (text == nullptr || text->capacity() <= kSmallAnswer) {
    response.share = nullptr;
    return;
  }
  if (!response.share) response.share = std::make_shared<MemoryBudget::Share>(*services_.answers);
  const Request& request = exchange.incoming.request;
  const auto held = response.share->hold(text->capacity());
  response.share->shrink_to(text->capacity());
  if (held) return;
  const bool is_done = request.method != "GET" && request.method != "HEAD" && response.status < 300;
  response.share = nullptr;
  // What was done must not look undone: the client does not get back what it wrote.
  if (is_done)
    response.body = std::string();
  else
    response = respond_to({503, held.error()}, request, services_.router);
}

/// A stream's first bytes are read before the head is sent: what fails there can still be told.
asio::awaitable<void> Connection::begin_stream(std::shared_ptr<Exchange> exchange) {
  const Request& request = exchange->incoming.request;
  Response& response = exchange->response;
  auto* stream = std::get_if<StreamBody>(&response.body);
  const bool has_content = response.status != 204 && response.status != 304;
  if (stream == nullptr || request.method == "HEAD" || !has_content) co_return;

  auto pump = std::make_shared<StreamPump>(context_, services_.pool, *services_.answers, *stream);
  const Result<void> begun = co_await pump->begin(kStreamPatience);
  if (!begun) {
    response = respond_to({503, begun.error()}, request, services_.router);
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
  outgoing.answers = services_.answers;
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
