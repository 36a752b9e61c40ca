// Reads one request after the other from a connection, within the limits and time-outs. Internal to
// http: only its .cc files include this.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "http/forwarded.h"
#include "http/memory_budget.h"
#include "http/message.h"
#include "http/request_head.h"
#include "http/request_parser.h"
#include "http/server.h"
#include "http/transport.h"

namespace sluice::http {

/// What came in.
struct Incoming {
  enum class Kind {
    kRequest,  ///< whole, to be dispatched
    kRefused,  ///< to be answered with `refusal`, then the connection closes
    kCut,      ///< the client vanished in the middle of a request
    kClosed,   ///< no further request
  };
  Kind kind = Kind::kClosed;
  Request request;  ///< for kRefused and kCut what was understood
  Refusal refusal;
  bool http_1_0 = false;
  bool keep_alive = false;  ///< as the client requests
  std::chrono::steady_clock::time_point begun;
  MemoryBudget::Share body_share;
  /// With kRefused, instead of `refusal`.
  std::shared_ptr<Response> answer = nullptr;
};

class RequestReader {
 public:
  /// Called for each request after its head is parsed, before its body is read.
  using Gate = std::function<std::optional<Refusal>(const Request&)>;

  /// Called for each request with a large body, before more than a little of it is read: sets the
  /// refusal or the answer, and kRefused, unless the body is accepted. The request must outlive the
  /// awaited call.
  using BodyGate = std::function<boost::asio::awaitable<void>(Incoming&)>;

  RequestReader(std::shared_ptr<Transport> transport, const ServerOptions& options,
                const TrustedProxies& proxies, MemoryBudget& bodies, Gate gate, BodyGate body_gate);

  boost::asio::awaitable<Incoming> next();
  /// Whether next() waits for the first byte of a request.
  bool is_idle() const { return is_idle_; }

 private:
  std::string scheme() const { return transport_->is_tls() ? "https" : "http"; }
  // References below are into the frame of next(), which waits for them.
  enum class HeadOutcome { kComplete, kRefused, kClosed };

  boost::asio::awaitable<HeadOutcome> read_head(HeadScanner& scanner, Refusal& refusal);
  boost::asio::awaitable<bool> read_body(RequestParser& parser, Incoming& incoming);
  /// Whether the body may come, or be as large as it is by now.
  boost::asio::awaitable<bool> pass_body_gate(const RequestParser& parser, Incoming& incoming);
  boost::asio::awaitable<std::size_t> fill(std::size_t size);
  std::string_view received() const;
  std::optional<Refusal> understand(RequestParser& parser, Incoming& incoming) const;

  std::shared_ptr<Transport> transport_;
  const ServerOptions& options_;
  const TrustedProxies& proxies_;
  MemoryBudget& bodies_;
  const Gate gate_;
  const BodyGate body_gate_;
  bool is_body_let_in_ = false;
  boost::beast::flat_buffer buffer_;  // received, not yet consumed: what was pipelined stays here
  bool is_idle_ = false;
};

}  // namespace sluice::http
