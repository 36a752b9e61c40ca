// One request and its answer, over a connection that stays open. Follows redirects by own rules,
// returns answers as streams or texts, and errors with the server's message.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "client/http/connection.h"
#include "client/http/waiter.h"
#include "transport/answer_headers.h"

namespace sluice::client {

using transport::AnswerHeaders;

/// What one request was, for the log: no secrets, no queries.
struct RequestRecord {
  std::string method;
  std::string url;
  int status = 0;  ///< 0: no answer
  std::chrono::milliseconds duration{0};
  std::uint64_t bytes = 0;  ///< received, as on the wire
  std::string problem;
};
using RequestLog = std::function<void(const RequestRecord&)>;

/// The answer's Retry-After, a date counted from the server's own Date. nullopt when there is none
/// that can be read.
std::optional<std::chrono::milliseconds> retry_after_of(const AnswerHeaders& headers, Instant now,
                                                        std::chrono::milliseconds wait_max);

/// The error with the Retry-After of the answer that it tells of; nobody waits longer than a day.
Error with_retry_after(Error error, const AnswerHeaders& headers, Instant now);

/// What the error says so, at most `wait_max`.
std::optional<std::chrono::milliseconds> told_wait(const Error& error,
                                                   std::chrono::milliseconds wait_max);

struct ExchangeRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers = {};  ///< "Name: value"
  std::string body = {};
  std::string token = {};           ///< sent to the URL's own origin only
  std::size_t size_max = 4u << 20;  ///< of a body that is kept
  /// Called before the first byte of a body that `sink` takes.
  std::function<void(int status, const AnswerHeaders&)> on_head = nullptr;
  /// Takes the body of a 200, 202 or 203 instead of it being kept.
  std::function<Result<void>(std::string_view)> sink = nullptr;
  bool follows_redirects = true;
};

struct Answer {
  int status = 0;
  std::string url;  ///< where it came from, after redirects
  AnswerHeaders headers;
  std::string body;
  /// The text of the OperationOutcome (or OAuth error) in the body; of a page for people its
  /// beginning. Of other JSON only its resourceType: whatever else it holds may be a patient's.
  std::string problem() const;
};

/// Text of an OperationOutcome's issues: diagnostics and details. Empty if it is none.
std::string outcome_text(std::string_view body);
/// Whether some issue of an OperationOutcome has the code `transient`.
bool is_transient_outcome(std::string_view body);

/// Sends requests one at a time; thread-safe. Redirects 301, 302, 307 and 308 keep method and body
/// (a kick-off that lost its parameters would ask for everything), 303 is followed for GET only;
/// never from https to http; the token is left out when the origin changes. Errors: kUnavailable
/// (no answer, with curl's reason), kTimeout (the run's time is over), kCancelled, kTooLarge,
/// kForbidden for a token that would go out in plain text.
class Exchange {
 public:
  /// `waiter` must outlive it: what ends the run ends a request.
  Exchange(Connection connection, RequestLog log, const Waiter& waiter);
  ~Exchange();
  Result<Answer> send(const ExchangeRequest& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::client
