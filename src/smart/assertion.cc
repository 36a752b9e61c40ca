#include "smart/assertion.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <optional>

namespace sluice::smart {
namespace {

namespace json = boost::json;

constexpr std::size_t kJtiSizeMax = 256;
constexpr std::size_t kAudiencesMax = 16;
// A used id is kept a little longer than the assertion lives, should the clock be set back.
constexpr std::chrono::minutes kKeptLonger{1};
// Far below where seconds turned into milliseconds overflow.
constexpr double kSecondsMax = 253'402'300'799;  // the year 9999

// The same text for every reason, so that it does not reveal which clients exist.
OAuthError refused(std::string detail) {
  return {OAuthCode::kInvalidClient, "the client assertion is not accepted", std::move(detail)};
}

std::optional<std::string_view> string_of(const json::object& object, json::string_view name) {
  const json::value* member = object.if_contains(name);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return std::string_view(member->get_string().data(), member->get_string().size());
}

// RFC 7519 section 2: seconds since 1970, which may have a fraction.
std::optional<Instant> numeric_date(const json::value& value) {
  if (!value.is_number()) return std::nullopt;
  const double seconds = value.to_number<double>();
  if (!(seconds >= 0 && seconds <= kSecondsMax)) return std::nullopt;
  return Instant{static_cast<std::int64_t>(std::floor(seconds * 1000))};
}

bool is_for_us(const json::value* audience, const std::vector<std::string>& accepted) {
  const auto matches = [&](const json::value& value) {
    return value.is_string() &&
           std::find(accepted.begin(), accepted.end(),
                     std::string_view(value.get_string().data(), value.get_string().size())) !=
               accepted.end();
  };
  if (audience == nullptr) return false;
  if (const json::array* list = audience->if_array())
    return list->size() <= kAudiencesMax &&
           std::all_of(list->begin(), list->end(),
                       [](const json::value& item) { return item.is_string(); }) &&
           std::any_of(list->begin(), list->end(), matches);
  return matches(*audience);
}

// "iat" and "nbf" are optional, but must make sense (RFC 7519 section 4.1): a time, not later than
// now.
std::optional<std::string> check_past(const json::object& claims, json::string_view name,
                                      Instant latest) {
  const json::value* value = claims.if_contains(name);
  if (value == nullptr) return std::nullopt;
  const std::string_view shown(name.data(), name.size());
  const auto time = numeric_date(*value);
  if (!time) return fmt::format("\"{}\" is not a time", shown);
  if (*time > latest) return fmt::format("\"{}\" is in the future", shown);
  return std::nullopt;
}

// When the assertion ends; or why not.
boost::system::result<Instant, std::string> check_times(const json::object& claims, Instant now,
                                                        const AssertionOptions& options) {
  const json::value* value = claims.if_contains("exp");
  if (value == nullptr) return std::string("\"exp\" is missing");
  const auto expires = numeric_date(*value);
  if (!expires) return std::string("\"exp\" is not a time");
  if (*expires + options.skew <= now) return std::string("\"exp\" is past");
  // Counted from the whole second, as clients count: one whose clock is ahead by less than the skew
  // may use the whole lifetime, but none may use the skew in addition.
  const Instant second{now.milliseconds / 1000 * 1000};
  if (*expires >= second + options.lifetime_max + options.skew)
    return fmt::format("\"exp\" is more than {} s ahead", options.lifetime_max.count());
  for (const char* name : {"nbf", "iat"}) {
    if (auto wrong = check_past(claims, name, now + options.skew)) return std::move(*wrong);
  }
  return *expires;
}

}  // namespace

Result<jose::JwkSet> RegisteredKeys::keys(const Client& client, std::string_view) {
  if (client.jwks) return *client.jwks;
  return Error{ErrorKind::kUnavailable, "keys from a URL are not fetched by this server"};
}

AssertionVerifier::AssertionVerifier(const ClientRegistry& clients, KeySource& keys,
                                     ExpiringIds& used, const Clock& clock,
                                     AssertionOptions options)
    : clients_(clients), keys_(keys), used_(used), clock_(clock), options_(std::move(options)) {}

OAuthResult<ClientRegistry::ClientPtr> AssertionVerifier::verify(std::string_view assertion) const {
  const auto jws = jose::Jws::parse(assertion, options_.algorithms);
  if (!jws) return refused(jws.error().message);
  const json::object& claims = jws->payload();

  const auto issuer = string_of(claims, "iss");
  const auto subject = string_of(claims, "sub");
  if (!issuer || !subject || *issuer != *subject)
    return refused("\"iss\" and \"sub\" are not the same client id");
  const ClientRegistry::ClientPtr client = clients_.find(*issuer);
  if (client == nullptr) return refused("unknown client");
  const auto no = [&](std::string_view why) {
    return refused(fmt::format("client {}: {}", client->id, why));
  };
  if (!client->is_active()) return no("disabled");

  // All that costs nothing comes before keys are fetched and signatures computed.
  if (jws->header().contains("jku")) {
    const auto url = string_of(jws->header(), "jku");
    if (client->jwks_url.empty() || !url || *url != client->jwks_url)
      return no("\"jku\" is not the registered URL");
  }
  if (!is_for_us(claims.if_contains("aud"), options_.audiences))
    return no("\"aud\" is not this token endpoint");
  const auto expires = check_times(claims, clock_.now(), options_);
  if (!expires) return no(expires.error());
  const auto jti = string_of(claims, "jti");
  if (!jti || jti->empty() || jti->size() > kJtiSizeMax)
    return no("\"jti\" is not a string of 1 to 256 bytes");

  const auto keys = keys_.keys(*client, jws->kid());
  if (!keys) {
    OAuthError failed = server_error(keys.error());
    // Should a source refuse a client's set for good, that is the client's own doing.
    if (failed.code == OAuthCode::kServerError && keys.error().kind != ErrorKind::kStorage)
      return no(failed.detail);
    return failed;
  }
  if (const auto verified = jws->verify(*keys); !verified) return no(verified.error().message);

  // Last, so that only the client itself can use up an id.
  const auto first = used_.insert(client->id, *jti, *expires + options_.skew + kKeptLonger);
  if (!first) return server_error(first.error());
  if (!*first) return no("\"jti\" was used before");
  return client;
}

}  // namespace sluice::smart
