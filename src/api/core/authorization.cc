#include "api/core/authorization.h"

#include <fmt/format.h>

#include "base/log.h"

namespace sluice::api {
namespace {

constexpr unsigned kRefusalsPerMinute = 600;  // of one address

}  // namespace

Result<std::unique_ptr<Authorization>> Authorization::open(store::Store& store, const Clock& clock,
                                                           std::unique_ptr<smart::KeySource> keys,
                                                           AuthorizationOptions options) {
  std::unique_ptr<Authorization> self(new Authorization(std::move(options)));
  const AuthorizationOptions& asked = self->options_;
  self->keys_ = std::move(keys);
  SLUICE_ASSIGN_OR_RETURN(self->clients_, smart::ClientRegistry::open(store, clock));
  SLUICE_ASSIGN_OR_RETURN(self->used_assertions_,
                          smart::ExpiringIds::open(
                              store, clock, {.prefix = std::string(smart::kUsedAssertionsPrefix)}));
  smart::AssertionOptions assertions;
  // Some clients name the base, as SMART 1 let them, but a token of elsewhere must not be of use
  // here.
  assertions.audiences = {token_url(asked.base_url)};
  if (asked.more_algorithms)
    for (const auto algorithm :
         {jose::Algorithm::kRs256, jose::Algorithm::kEs256, jose::Algorithm::kPs384})
      assertions.algorithms.push_back(algorithm);
  self->assertions_ = std::make_unique<smart::AssertionVerifier>(
      *self->clients_, *self->keys_, *self->used_assertions_, clock, std::move(assertions));
  SLUICE_ASSIGN_OR_RETURN(
      self->tokens_,
      smart::AccessTokens::open(store, *self->clients_, clock,
                                {.issuer = asked.base_url, .lifetime = asked.token_lifetime}));
  SLUICE_ASSIGN_OR_RETURN(self->audit_, smart::AuditLog::open(asked.audit_folder, clock));
  self->grant_ = std::make_unique<smart::TokenGrant>(
      *self->assertions_, *self->tokens_, self->audit_.get(),
      smart::TokenGrantOptions{.requests_per_minute = asked.token_requests_per_minute,
                               .client_requests_per_minute = asked.client_token_requests_per_minute,
                               .metrics = asked.metrics});
  SLUICE_ASSIGN_OR_RETURN(self->capabilities_, smart::UrlSigner::open(store, clock));
  return self;
}

void Authorization::maintain() {
  for (const auto& outcome :
       {tokens_->maintain(), capabilities_->maintain(), used_assertions_->purge()})
    if (!outcome)
      spdlog::warn("authorization maintenance failed error=\"{}\" detail=\"{}\"",
                   outcome.error().message, outcome.error().detail);
}

Result<void> Authorization::take_kick_off(const smart::Client& client, std::string_view address) {
  const unsigned of_address = options_.address_requests_per_minute;
  SLUICE_RETURN_IF_ERROR(
      take("address/" + std::string(address), of_address,
           fmt::format("this address may kick off {} exports a minute", of_address)));
  const unsigned of_client = client.limits.requests_per_minute != 0
                                 ? client.limits.requests_per_minute
                                 : options_.client_requests_per_minute;
  return take("client/" + client.id, of_client,
              fmt::format("this client may kick off {} exports a minute", of_client));
}

Result<void> Authorization::take_refusal(std::string_view address) {
  return take("refused/" + std::string(address), kRefusalsPerMinute,
              "too many requests without a valid access token");
}

Result<void> Authorization::take_revocation(std::string_view address) {
  return take("revocation/" + std::string(address), options_.token_requests_per_minute,
              "too many requests");
}

Result<void> Authorization::take_registration(std::string_view address) {
  return take("registration/" + std::string(address), options_.token_requests_per_minute,
              "too many requests");
}

Result<void> Authorization::take(const std::string& key, unsigned limit, const std::string& what) {
  if (limit == 0) return {};
  const auto wait = limiter_.take(key, Rate::per_minute(limit));
  if (!wait) return {};
  return Error{ErrorKind::kTooManyRequests, what, {}, *wait};
}

std::string token_url(std::string_view base_url) {
  return fmt::format("{}/auth/token", base_url);
}
std::string introspection_url(std::string_view base_url) {
  return fmt::format("{}/auth/introspect", base_url);
}
std::string revocation_url(std::string_view base_url) {
  return fmt::format("{}/auth/revoke", base_url);
}
std::string registration_url(std::string_view base_url) {
  return fmt::format("{}/auth/register", base_url);
}
std::string jwks_url(std::string_view base_url) {
  return fmt::format("{}/auth/jwks", base_url);
}

}  // namespace sluice::api
