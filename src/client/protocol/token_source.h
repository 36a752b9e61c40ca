// Access tokens by SMART Backend Services: requested when needed, renewed before they expire and
// when a server refuses one.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "client/http/exchange.h"
#include "jose/json_web_key.h"

namespace sluice::client {

/// The client's identity. Empty client_id: the server is open.
struct Credentials {
  std::string client_id;
  std::optional<jose::PrivateJwk> key;  ///< signs assertions
  std::string secret;                   ///< instead of a key: HTTP Basic, as BCDA requires
  std::string token_endpoint;
  std::string scope;
  /// URLs of the origins that may see tokens: the FHIR base, and what the user added.
  std::vector<std::string> audience = {};
};

/// Thread-safe. Nothing of tokens, keys or secrets is in its errors.
class TokenSource {
 public:
  TokenSource(Exchange& exchange, const Clock& clock, Credentials credentials);

  /// Whether tokens are got at all.
  bool has_client() const { return !credentials_.client_id.empty(); }
  /// A token that lives for a while yet; empty when there are no credentials. kUnauthenticated
  /// when the server refuses us: the message has its words and what to look at.
  Result<std::string> token();
  /// The same for a request to `url`; empty when that is of an origin that may not see tokens.
  Result<std::string> token_for(const std::string& url);
  /// Whether requests to `url` may carry a token, and there are credentials for one.
  bool goes_to(const std::string& url) const;
  /// After a request to `url` was refused for want of a token: why it had none, and what to do;
  /// empty when it may have one.
  std::string why_none(const std::string& url) const;
  /// A fresh answer of the token endpoint, which has a token. Errors as of token().
  Result<boost::json::object> request_token();
  /// The server refused `token`: the next call asks for another, unless that has happened already.
  void reject(const std::string& token);

 private:
  Result<void> renew();
  Result<ExchangeRequest> token_request() const;

  Exchange& exchange_;
  const Clock& clock_;
  const Credentials credentials_;
  std::mutex mutex_;
  std::string token_;    // guarded by mutex_
  Instant renew_at_{0};  // guarded by mutex_
  // A client that is refused is not made another by asking again, for each file that waits.
  std::optional<Error> refusal_;  // guarded by mutex_
  Instant ask_again_at_{0};       // guarded by mutex_
};

/// Sends with a token of `tokens` if the URL may see it; when it is refused, once more with a new
/// one.
Result<Answer> send_authorized(Exchange& exchange, TokenSource& tokens, ExchangeRequest request);

}  // namespace sluice::client
