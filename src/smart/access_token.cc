#include "smart/access_token.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>

#include "base/bytes.h"
#include "base/json_text.h"
#include "jose/json_web_signature.h"

namespace sluice::smart {
namespace {

namespace json = boost::json;

constexpr std::array kAlgorithms = {jose::Algorithm::kEs384};
constexpr std::string_view kType = "at+jwt";  // RFC 9068: an assertion is not an access token
constexpr std::chrono::minutes kSlack{5};     // for a clock that is set back
constexpr std::size_t kJtiBytes = 16;

Error refused(std::string message, std::string detail = {}) {
  return {ErrorKind::kUnauthenticated, std::move(message), std::move(detail)};
}

std::string text_of(const json::object& object, json::string_view name) {
  return json::value_to<std::string>(object.at(name));
}

Instant time_of(const json::object& object, json::string_view name) {
  return {object.at(name).to_number<std::int64_t>() * 1000};
}

Result<RingKey> make_key() {
  SLUICE_ASSIGN_OR_RETURN(const jose::PrivateJwk key,
                          jose::PrivateJwk::generate(jose::Algorithm::kEs384));
  return RingKey{key.kid(), {}, key.to_json()};
}

json::object to_claims(const AccessClaims& claims, const std::string& issuer) {
  json::object object;
  object["iss"] = issuer;
  object["aud"] = issuer;
  object["sub"] = claims.client_id;
  object["client_id"] = claims.client_id;
  object["scope"] = claims.scopes.to_string();
  object["iat"] = claims.issued.milliseconds / 1000;
  object["exp"] = claims.expires.milliseconds / 1000;
  object["jti"] = claims.jti;
  object["gen"] = claims.generation;
  return object;
}

}  // namespace

std::string IssuedToken::to_json() const {
  json::object object;
  object["access_token"] = access_token;
  object["token_type"] = "bearer";
  object["expires_in"] = expires_in.count();
  object["scope"] = scope;
  return json_text(object);
}

AccessTokens::AccessTokens(const ClientRegistry& clients, const Clock& clock,
                           AccessTokenOptions options)
    : clients_(clients), clock_(clock), options_(std::move(options)), cache_(options_.cache_max) {}

Result<std::unique_ptr<AccessTokens>> AccessTokens::open(store::Store& store,
                                                         const ClientRegistry& clients,
                                                         const Clock& clock,
                                                         AccessTokenOptions options) {
  if (options.issuer.empty()) return invalid("access tokens need an issuer");
  if (options.lifetime < kTokenLifetimeMin || options.lifetime > kTokenLifetimeMax)
    return invalid(fmt::format("an access token lives {} to {} s, not {}",
                               kTokenLifetimeMin.count(), kTokenLifetimeMax.count(),
                               options.lifetime.count()));
  if (options.rotate_keys_every < std::chrono::hours(1))
    return invalid("keys of access tokens are replaced once an hour at most");
  std::unique_ptr<AccessTokens> tokens(new AccessTokens(clients, clock, std::move(options)));
  KeyRing::Options ring;
  ring.purpose = "access-token";
  ring.rotate_every = tokens->options_.rotate_keys_every;
  // The ceiling, not the lifetime: it may have been longer before this start.
  ring.keep_for = kTokenLifetimeMax + kSlack;
  ring.make = &make_key;
  ring.is_secret = [](const std::string& secret) {
    return jose::PrivateJwk::parse(secret).has_value();
  };
  SLUICE_ASSIGN_OR_RETURN(tokens->keys_, KeyRing::open(store, clock, std::move(ring)));
  SLUICE_ASSIGN_OR_RETURN(tokens->revoked_, ExpiringIds::open(store, clock, {"revoked/"}));
  return tokens;
}

Result<std::shared_ptr<const jose::PrivateJwk>> AccessTokens::pair_of(const RingKey& key) const {
  const std::lock_guard lock(mutex_);
  auto found = pairs_.find(key.id);
  if (found == pairs_.end()) {
    SLUICE_ASSIGN_OR_RETURN(jose::PrivateJwk pair, jose::PrivateJwk::parse(key.secret));
    found = pairs_.emplace(key.id, std::make_shared<const jose::PrivateJwk>(std::move(pair))).first;
  }
  return found->second;
}

Result<IssuedToken> AccessTokens::issue(const Client& client, const ScopeSet& scopes) {
  if (!client.is_active()) return Error{ErrorKind::kForbidden, "the client is disabled"};
  if (scopes.empty()) return invalid("a token needs a scope");
  // Such a token could be signed but not be read again.
  // An intersection can have more queries than either of its sides.
  if (!ScopeSet::parse(scopes.to_string()))
    return Error{ErrorKind::kTooLarge, "so many scopes do not fit a token; ask for fewer"};
  const Instant now = clock_.now();
  auto claims = std::make_shared<AccessClaims>();
  claims->client_id = client.id;
  claims->scopes = scopes;
  claims->issued.milliseconds = now.milliseconds / 1000 * 1000;
  claims->expires = claims->issued + options_.lifetime;
  claims->jti = random_hex(kJtiBytes);
  claims->generation = client.generation;

  SLUICE_ASSIGN_OR_RETURN(const auto key, pair_of(*keys_->current()));
  IssuedToken token;
  SLUICE_ASSIGN_OR_RETURN(token.access_token,
                          jose::Jws::sign(to_claims(*claims, options_.issuer), *key,
                                          {{"typ", json::string_view(kType)}}));
  token.scope = scopes.to_string();
  token.expires_in = options_.lifetime;
  cache_.put(TokenCache::digest(token.access_token), std::move(claims), now);
  return token;
}

Result<AccessTokens::ClaimsPtr> AccessTokens::verify(std::string_view token) const {
  const auto jws = jose::Jws::parse(token, kAlgorithms);
  if (!jws) return refused("the access token is malformed", jws.error().message);
  const json::value* type = jws->header().if_contains("typ");
  if (type == nullptr || *type != json::string_view(kType))
    return refused("the access token is malformed", "\"typ\" is not at+jwt");
  const auto key = keys_->find(jws->kid());
  if (key == nullptr) return refused("the access token is not known here", "unknown \"kid\"");
  SLUICE_ASSIGN_OR_RETURN(const auto pair, pair_of(*key));
  jose::JwkSet keys;
  keys.add(pair->public_part());
  if (const auto verified = jws->verify(keys); !verified)
    return refused("the access token is not known here", verified.error().message);
  // From here on it is our own text; an exception means that another version wrote it.
  try {
    const json::object& payload = jws->payload();
    if (text_of(payload, "iss") != options_.issuer)
      return refused("the access token is not known here", "another issuer");
    auto claims = std::make_shared<AccessClaims>();
    claims->client_id = text_of(payload, "client_id");
    claims->scopes = ScopeSet::parse(text_of(payload, "scope")).value();
    claims->issued = time_of(payload, "iat");
    claims->expires = time_of(payload, "exp");
    claims->jti = text_of(payload, "jti");
    claims->generation = text_of(payload, "gen");
    return ClaimsPtr(std::move(claims));
  } catch (const std::exception& e) {
    return refused("the access token is not known here", e.what());
  }
}

Result<void> AccessTokens::check_alive(const AccessClaims& claims) const {
  const Instant now = clock_.now();
  if (claims.expires <= now) return refused("the access token expired");
  // Made while the clock was ahead, it would live until the clock comes there again.
  if (claims.issued > now + kSlack)
    return refused("the access token is not known here", "it is of a time to come");
  const auto client = clients_.find(claims.client_id);
  if (client == nullptr || !client->is_active() || client->generation != claims.generation)
    return refused("the access token was revoked",
                   fmt::format("client {} was removed, disabled or cut back", claims.client_id));
  if (revoked_->contains(claims.client_id, claims.jti))
    return refused("the access token was revoked",
                   fmt::format("client {} jti {}", claims.client_id, claims.jti));
  return {};
}

Result<AccessTokens::ClaimsPtr> AccessTokens::check(std::string_view token) {
  // Before the digest: a megabyte of header costs us nothing.
  if (token.size() > jose::kJwtSizeMax) return refused("the access token is malformed", "too long");
  const TokenCache::Digest digest = TokenCache::digest(token);
  const Instant now = clock_.now();
  ClaimsPtr claims = cache_.find(digest, now);
  if (claims == nullptr) {
    SLUICE_ASSIGN_OR_RETURN(claims, verify(token));
    SLUICE_RETURN_IF_ERROR(check_alive(*claims));
    cache_.put(digest, claims, now);
    return claims;
  }
  SLUICE_RETURN_IF_ERROR(check_alive(*claims));
  return claims;
}

Result<void> AccessTokens::revoke(std::string_view token, std::string_view client_id) {
  if (token.size() > jose::kJwtSizeMax) return {};
  ClaimsPtr claims = cache_.find(TokenCache::digest(token), clock_.now());
  if (claims == nullptr) {
    auto verified = verify(token);
    // RFC 7009 section 2.2: what is no valid token needs no revocation.
    if (!verified) return {};
    claims = std::move(*verified);
  }
  if (!client_id.empty() && claims->client_id != client_id)
    return Error{ErrorKind::kForbidden, "the token belongs to another client"};
  if (claims->expires <= clock_.now()) return {};
  SLUICE_RETURN_IF_ERROR(
      revoked_->insert(claims->client_id, claims->jti, claims->expires + kSlack));
  return {};
}

json::object AccessTokens::introspect(std::string_view token) {
  const auto claims = check(token);
  json::object answer;
  answer["active"] = claims.has_value();
  if (!claims) return answer;
  for (auto& [name, value] : to_claims(**claims, options_.issuer)) {
    if (name != "gen") answer[name] = value;
  }
  answer["token_type"] = "bearer";
  return answer;
}

std::string AccessTokens::jwks() const {
  jose::JwkSet set;
  for (const auto& key : keys_->all()) {
    // One that cannot be read cannot have signed anything that we would take.
    if (const auto pair = pair_of(*key)) set.add((*pair)->public_part());
  }
  return set.to_json();
}

Result<void> AccessTokens::maintain() {
  keys_->current();
  SLUICE_RETURN_IF_ERROR(keys_->purge());
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(pairs_, [&](const auto& pair) { return keys_->find(pair.first) == nullptr; });
  }
  return revoked_->purge();
}

}  // namespace sluice::smart
