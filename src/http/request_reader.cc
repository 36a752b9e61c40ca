#include "http/request_reader.h"

#include <algorithm>

#include "base/bytes.h"
#include "http/target.h"
#include "http/text.h"

namespace sluice::http {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kHeadReadSize = 4u << 10;
constexpr std::size_t kBodyReadSize = 64u << 10;
/// Up to this a body is read before anything is known of who sends it, as that of a token request.
constexpr std::size_t kUncheckedBody = 64u << 10;
/// And this does not count for the budget: whoever fills that stops no token request.
constexpr std::size_t kSmallBody = 16u << 10;
/// A chunk's size line with extensions, or the trailer section.
constexpr std::size_t kChunkLineMax = 16u << 10;
constexpr std::size_t kRequestIdMax = 64;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

bool is_valid_request_id(std::string_view id) {
  return !id.empty() && id.size() <= kRequestIdMax && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '_' || c == '.';
  });
}

Refusal timed_out(const char* what) {
  return {408, {ErrorKind::kTimeout, std::string("the request ") + what + " took too long"}};
}

}  // namespace

RequestReader::RequestReader(std::shared_ptr<Transport> transport, const ServerOptions& options,
                             const TrustedProxies& proxies, MemoryBudget& bodies, Gate gate,
                             BodyGate body_gate)
    : transport_(std::move(transport)),
      options_(options),
      proxies_(proxies),
      bodies_(bodies),
      gate_(std::move(gate)),
      body_gate_(std::move(body_gate)) {}

std::string_view RequestReader::received() const {
  const auto data = buffer_.cdata();
  return {static_cast<const char*>(data.data()), data.size()};
}

asio::awaitable<std::size_t> RequestReader::fill(std::size_t size) {
  const asio::mutable_buffer room = buffer_.prepare(size);
  const std::size_t read = co_await transport_->read_some(room);
  buffer_.commit(read);
  co_return read;
}

asio::awaitable<RequestReader::HeadOutcome> RequestReader::read_head(HeadScanner& scanner,
                                                                     Refusal& refusal) {
  if (buffer_.size() == 0) {
    buffer_ = {};  // Ten thousand idle connections keep no large buffers.
    transport_->expire_at(Transport::Clock::now() + options_.idle_timeout);
    is_idle_ = true;
    const std::size_t read = co_await fill(kHeadReadSize);
    is_idle_ = false;
    if (read == 0) co_return HeadOutcome::kClosed;
  }
  transport_->expire_at(Transport::Clock::now() + options_.header_timeout);
  bool may_skip_empty_line = true;
  while (true) {
    // One empty line before a request is forgiven (RFC 9112 2.2): old clients end bodies with it.
    if (may_skip_empty_line && buffer_.size() >= 2) {
      if (received().starts_with("\r\n")) buffer_.consume(2);
      may_skip_empty_line = false;
    }
    // A first '\r' alone may become that empty line; the scanner must not see it yet.
    const bool wait = may_skip_empty_line && received() == "\r";
    const auto state = wait ? HeadScanner::State::kMore
                            : scanner.scan(received().substr(0, options_.header_size_max));
    if (state == HeadScanner::State::kComplete) co_return HeadOutcome::kComplete;
    if (state == HeadScanner::State::kMalformed) {
      refusal = bad_request("the request head contains characters that HTTP forbids");
      co_return HeadOutcome::kRefused;
    }
    if (buffer_.size() >= options_.header_size_max) {
      refusal = scanner.has_request_line()
                    ? too_large(431, "the request's header fields are too large")
                    : too_large(414, "the request's URL is too long");
      co_return HeadOutcome::kRefused;
    }
    if (co_await fill(kHeadReadSize) > 0) continue;
    if (!transport_->timed_out() || buffer_.size() == 0) co_return HeadOutcome::kClosed;
    refusal = timed_out("head");
    co_return HeadOutcome::kRefused;
  }
}

std::optional<Refusal> RequestReader::understand(RequestParser& parser, Incoming& incoming) const {
  Request& request = incoming.request;
  request.method = parser.method();
  request.target = parser.target();
  request.headers = parser.take_headers();
  incoming.http_1_0 = parser.http_1_0();
  incoming.keep_alive = parser.keep_alive();
  if (const auto id = request.headers.get("X-Request-Id"); id && is_valid_request_id(*id))
    request.id = std::string(*id);

  auto target = parse_target(request.method, request.target);
  if (!target) return Refusal{400, target.error()};
  request.path = std::move(target->path);
  request.segments = std::move(target->segments);
  request.raw_query = std::move(target->raw_query);
  request.query = std::move(target->query);
  // The absolute form's authority replaces Host (RFC 9112 3.2.2).
  std::string host = target->authority;
  if (host.empty()) host = std::string(request.headers.get("Host").value_or(""));
  if (host.empty()) host = transport_->local_host();
  request.origin = (target->scheme.empty() ? scheme() : target->scheme) + "://" + host;
  proxies_.apply(request);
  return std::nullopt;
}

asio::awaitable<bool> RequestReader::pass_body_gate(const RequestParser& parser,
                                                    Incoming& incoming) {
  if (is_body_let_in_ ||
      std::max<std::uint64_t>(parser.announced().value_or(0), parser.body_size()) <= kUncheckedBody)
    co_return true;
  transport_->clear_deadline();
  co_await body_gate_(incoming);
  is_body_let_in_ = incoming.kind != Incoming::Kind::kRefused;
  transport_->begin_transfer(options_.body_timeout);
  co_return is_body_let_in_;
}

asio::awaitable<bool> RequestReader::read_body(RequestParser& parser, Incoming& incoming) {
  is_body_let_in_ = false;
  const bool may_come = co_await pass_body_gate(parser, incoming);
  if (!may_come) co_return false;
  if (!parser.done() && buffer_.size() == 0 && !incoming.http_1_0 &&
      incoming.request.headers.get("Expect")) {
    transport_->begin_transfer(options_.write_timeout);
    const Pieces pieces{asio::buffer(kContinue)};
    if (co_await transport_->send(pieces, false) < kContinue.size()) co_return false;
  }
  transport_->begin_transfer(options_.body_timeout);
  while (!parser.done()) {
    if (buffer_.size() > 0) {
      RequestParser::Step step = parser.put_body(received());
      buffer_.consume(step.consumed);
      if (!step.refusal && parser.body_size() > kSmallBody &&
          !incoming.body_share.grow_to(parser.body_size())) {
        step.refusal = Refusal{503, {ErrorKind::kUnavailable, "too many large requests at once"}};
        step.refusal->error.retry_after = std::chrono::seconds(1);
      }
      if (!step.refusal && step.consumed == 0 && buffer_.size() >= kChunkLineMax)
        step.refusal = bad_request("a line of the chunked request body is too long");
      if (step.refusal) {
        incoming.refusal = std::move(*step.refusal);
        incoming.kind = Incoming::Kind::kRefused;
        co_return false;
      }
      const bool may_grow = co_await pass_body_gate(parser, incoming);
      if (!may_grow) co_return false;
      if (step.consumed > 0) continue;
    }
    const std::uint64_t left = parser.announced().value_or(2 * parser.body_size());
    const auto room = static_cast<std::size_t>(std::clamp<std::uint64_t>(
        left - std::min<std::uint64_t>(left, parser.body_size()), kHeadReadSize, kBodyReadSize));
    const std::size_t filled = co_await fill(room);
    if (filled > 0) continue;
    if (transport_->timed_out()) {
      incoming.refusal = timed_out("body");
      incoming.kind = Incoming::Kind::kRefused;
    }
    co_return false;
  }
  incoming.request.body = parser.take_body();
  co_return true;
}

asio::awaitable<Incoming> RequestReader::next() {
  Incoming incoming;
  HeadScanner scanner;
  const HeadOutcome outcome = co_await read_head(scanner, incoming.refusal);
  if (outcome == HeadOutcome::kClosed) co_return incoming;
  incoming.begun = std::chrono::steady_clock::now();
  incoming.kind = Incoming::Kind::kRefused;
  incoming.body_share = MemoryBudget::Share(bodies_);
  incoming.request.peer_address = transport_->peer_address();
  incoming.request.origin = scheme() + "://" + transport_->local_host();

  if (outcome == HeadOutcome::kComplete) {
    RequestParser parser(options_.body_size_max);
    const std::string_view head = received().substr(0, scanner.head_size());
    auto refusal = check_lines(head);
    if (!refusal) {
      // What put_head has read is kept also when it refuses: method and headers are for the log.
      refusal = parser.put_head(head);
      auto misunderstood = understand(parser, incoming);
      if (!refusal) refusal = std::move(misunderstood);
      if (!refusal) refusal = gate_(incoming.request);
    }
    buffer_.consume(scanner.head_size());
    if (refusal) {
      incoming.refusal = std::move(*refusal);
    } else {
      incoming.kind = Incoming::Kind::kCut;
      if (co_await read_body(parser, incoming)) {
        incoming.kind = Incoming::Kind::kRequest;
      } else {
        incoming.body_share = MemoryBudget::Share();  // What was read goes with the parser.
      }
    }
  }
  if (incoming.request.id.empty()) incoming.request.id = random_hex(8);
  co_return incoming;
}

}  // namespace sluice::http
