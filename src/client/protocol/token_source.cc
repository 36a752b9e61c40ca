#include "client/protocol/token_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/base64.h"
#include "base/bytes.h"
#include "base/percent.h"
#include "base/shown_url.h"
#include "client/http/json_tree.h"
#include "client/http/passing_status.h"
#include "client/http/retry_after.h"
#include "client/http/url.h"
#include "jose/json_web_signature.h"

namespace sluice::client {
namespace {

namespace json = boost::json;

constexpr std::int64_t kAssertionSeconds = 240;
constexpr std::int64_t kLifetimeAssumed = 300;  // when the answer does not say
constexpr std::chrono::milliseconds kRefusedFor{10'000};
// What can stand in a header.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && static_cast<unsigned char>(c) < 0x7f;
  });
}

constexpr const char* kJwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

}  // namespace

TokenSource::TokenSource(Exchange& exchange, const Clock& clock, Credentials credentials)
    : exchange_(exchange), clock_(clock), credentials_(std::move(credentials)) {}

Result<std::string> TokenSource::token() {
  if (credentials_.client_id.empty()) return std::string();
  const std::lock_guard lock(mutex_);
  if (!token_.empty() && clock_.now() < renew_at_) return token_;
  if (refusal_ && clock_.now() < ask_again_at_) return *refusal_;
  const auto renewed = renew();
  refusal_.reset();
  if (!renewed && renewed.error().kind == ErrorKind::kUnauthenticated) {
    refusal_ = renewed.error();
    ask_again_at_ = clock_.now() + kRefusedFor;
  }
  if (!renewed) return renewed.error();
  return token_;
}

bool TokenSource::goes_to(const std::string& url) const {
  const std::string origin = origin_of(url);
  return has_client() && !origin.empty() &&
         std::any_of(credentials_.audience.begin(), credentials_.audience.end(),
                     [&](const std::string& each) { return origin_of(each) == origin; });
}

Result<std::string> TokenSource::token_for(const std::string& url) {
  return goes_to(url) ? token() : Result<std::string>(std::string());
}

std::string TokenSource::why_none(const std::string& url) const {
  if (!has_client()) return ". Give --client-id and --key, and check that the server knows them";
  if (goes_to(url)) return "";
  const std::string origin = origin_of(url);
  return fmt::format(
      ". No token was sent: {} is another origin than the FHIR base's, {}. --token-origin {} sends "
      "it there too",
      origin, origin_of(credentials_.audience.back()), origin);
}

void TokenSource::reject(const std::string& token) {
  const std::lock_guard lock(mutex_);
  if (token_ == token) token_.clear();
}

Result<ExchangeRequest> TokenSource::token_request() const {
  ExchangeRequest request{
      "POST",
      credentials_.token_endpoint,
      {"Content-Type: application/x-www-form-urlencoded", "Accept: application/json"}};
  // A redirect would send the assertion to another server.
  request.follows_redirects = false;
  request.size_max = 256u << 10;
  if (!credentials_.key) {
    request.headers.push_back("Authorization: Basic " +
                              base64_encode(credentials_.client_id + ":" + credentials_.secret));
    request.body = "grant_type=client_credentials";
    if (!credentials_.scope.empty())
      request.body += "&scope=" + percent_encoded(credentials_.scope);
    return request;
  }
  const std::int64_t now = clock_.now().milliseconds / 1000;
  SLUICE_ASSIGN_OR_RETURN(const auto assertion,
                          jose::Jws::sign({{"iss", credentials_.client_id},
                                           {"sub", credentials_.client_id},
                                           {"aud", credentials_.token_endpoint},
                                           {"iat", now},
                                           {"exp", now + kAssertionSeconds},
                                           {"jti", random_hex(16)}},
                                          *credentials_.key));
  request.body =
      fmt::format("grant_type=client_credentials&client_assertion_type={}&client_assertion={}",
                  percent_encoded(kJwtBearer), assertion);
  if (!credentials_.scope.empty()) request.body += "&scope=" + percent_encoded(credentials_.scope);
  return request;
}

Result<json::object> TokenSource::request_token() {
  SLUICE_ASSIGN_OR_RETURN(const auto request, token_request());
  SLUICE_RETURN_IF_ERROR(credentials_.token_endpoint.starts_with("https://") ||
                                 is_loopback(credentials_.token_endpoint) || credentials_.key
                             ? Result<void>()
                             : Result<void>(invalid("a secret is not sent by plain http")));
  SLUICE_ASSIGN_OR_RETURN(const auto answer, exchange_.send(request));
  if (answer.status >= 500 || is_passing(answer.status))
    return with_retry_after(
        {ErrorKind::kUnavailable,
         fmt::format("the token endpoint answers {}: {}", answer.status, answer.problem())},
        answer.headers, clock_.now());
  if (answer.status != 200 && answer.status != 201)
    return Error{ErrorKind::kUnauthenticated,
                 fmt::format("the token endpoint {} refuses client '{}' ({}): {}. Check the client "
                             "id, that the server knows the public key, the scope '{}' and this "
                             "machine's clock",
                             shown_url(credentials_.token_endpoint), credentials_.client_id,
                             answer.status, answer.problem(), credentials_.scope)};
  auto value = parse_json_tree(answer.body);
  const auto* token = value.is_object() ? value.get_object().if_contains("access_token") : nullptr;
  if (token == nullptr || !token->is_string() || !is_token(token->get_string()))
    return Error{ErrorKind::kUnauthenticated, "the token endpoint answers without an access_token"};
  return std::move(value.get_object());
}

Result<void> TokenSource::renew() {
  const Instant asked = clock_.now();
  SLUICE_ASSIGN_OR_RETURN(const auto answer, request_token());
  std::int64_t lifetime = kLifetimeAssumed;
  if (const auto* seconds = answer.if_contains("expires_in")) {
    boost::system::error_code other;
    if (const auto number = seconds->to_number<std::int64_t>(other); !other) lifetime = number;
    // Some send it as a string.
    if (seconds->is_string()) lifetime = std::atoll(seconds->get_string().c_str());
  }
  lifetime = std::clamp<std::int64_t>(lifetime, 1, 86'400);
  // Early enough for a request that is on its way, but a short life is not used up by that.
  const std::int64_t margin = std::min<std::int64_t>(30'000, lifetime * 200);
  token_ = std::string(answer.at("access_token").as_string());
  renew_at_ = {asked.milliseconds + lifetime * 1000 - margin};
  return {};
}

Result<Answer> send_authorized(Exchange& exchange, TokenSource& tokens, ExchangeRequest request) {
  SLUICE_ASSIGN_OR_RETURN(request.token, tokens.token_for(request.url));
  SLUICE_ASSIGN_OR_RETURN(auto answer, exchange.send(request));
  if (answer.status != 401 || request.token.empty()) return answer;
  tokens.reject(request.token);
  SLUICE_ASSIGN_OR_RETURN(request.token, tokens.token());
  return exchange.send(request);
}

}  // namespace sluice::client
