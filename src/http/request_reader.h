// Reads one request after the other from a connection, within the limits and time-outs. Internal to
// http: only its .cc files include this.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "http/forwarded.h"
#include "http/message.h"
#include "http/request_head.h"
#include "http/request_parser.h"
#include "http/server.h"
#include "http/transport.h"

namespace sluice::http {

/// How many bytes of request bodies all connections hold together. Thread-safe.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t size_max) : size_max_(size_max) {}

  /// One request's part; gives it back at the end of its life.
  class Share {
   public:
    Share() = default;
    explicit Share(BodyBudget& budget) : budget_(&budget) {}
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(size_, other.size_);
      return *this;
    }
    ~Share() {
      if (budget_ != nullptr) budget_->used_ -= size_;
    }
    /// Whether there was room to grow to `size` bytes.
    bool grow_to(std::size_t size);

   private:
    BodyBudget* budget_ = nullptr;
    std::size_t size_ = 0;
  };

 private:
  const std::size_t size_max_;
  std::atomic<std::size_t> used_{0};
};

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
  bool keep_alive = false;  ///< what the client wants
  std::chrono::steady_clock::time_point begun;
  BodyBudget::Share body_share;
};

class RequestReader {
 public:
  RequestReader(std::shared_ptr<Transport> transport, const ServerOptions& options,
                const TrustedProxies& proxies, BodyBudget& bodies);

  boost::asio::awaitable<Incoming> next();
  /// Whether next() waits for the first byte of a request.
  bool is_idle() const { return is_idle_; }

 private:
  std::string scheme() const { return transport_->is_tls() ? "https" : "http"; }
  // References below are into the frame of next(), which waits for them.
  enum class HeadOutcome { kComplete, kRefused, kClosed };

  boost::asio::awaitable<HeadOutcome> read_head(HeadScanner& scanner, Refusal& refusal);
  boost::asio::awaitable<bool> read_body(RequestParser& parser, Incoming& incoming);
  boost::asio::awaitable<std::size_t> fill(std::size_t size);
  std::string_view received() const;
  std::optional<Refusal> understand(RequestParser& parser, Incoming& incoming) const;

  std::shared_ptr<Transport> transport_;
  const ServerOptions& options_;
  const TrustedProxies& proxies_;
  BodyBudget& bodies_;
  boost::beast::flat_buffer buffer_;  // received, not yet consumed: what was pipelined stays here
  bool is_idle_ = false;
};

}  // namespace sluice::http
