#include "client/protocol/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "client/http/json_tree.h"
#include "client/http/passing_status.h"
#include "client/http/url.h"

namespace sluice::client {
namespace {

namespace json = boost::json;

constexpr std::size_t kStatementSizeMax = 32u << 20;
constexpr std::string_view kOAuthUris =
    "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris";

const json::value* member(const json::value* value, std::string_view name) {
  return value != nullptr && value->is_object() ? value->get_object().if_contains(name) : nullptr;
}
std::string text(const json::value* value) {
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}
const json::array& array(const json::value* value) {
  static const json::array kNone;
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}
std::vector<std::string> texts(const json::value* value) {
  std::vector<std::string> out;
  for (const auto& element : array(value))
    if (element.is_string()) out.emplace_back(element.get_string());
  return out;
}

// Before smart-configuration there was an extension of rest.security.
std::string token_endpoint_of(const json::value& statement) {
  for (const auto& rest : array(member(&statement, "rest")))
    for (const auto& extension : array(member(member(&rest, "security"), "extension"))) {
      if (text(member(&extension, "url")) != kOAuthUris) continue;
      for (const auto& uri : array(member(&extension, "extension")))
        if (text(member(&uri, "url")) == "token") return text(member(&uri, "valueUri"));
    }
  return {};
}

// The server's own words about P-13, as Sluice's /metadata has them.
bool says_history_of_new_members(const std::string& statement) {
  return statement.find("patients who joined the group later are added whatever their age") !=
         std::string::npos;
}

// A server that is open may have anything there: it is read only for a token.
Result<void> read_smart_configuration(Exchange& exchange, const std::string& base,
                                      Discovered& found) {
  const std::string url = base + "/.well-known/smart-configuration";
  SLUICE_ASSIGN_OR_RETURN(const auto configured,
                          exchange.send({"GET", url, {"Accept: application/json"}}));
  const int status = configured.status;
  if (status != 200) {
    const std::string told = fmt::format("'{}' answers {}: {}", url, status, configured.problem());
    if (is_passing(status))
      return with_retry_after({ErrorKind::kUnavailable, told}, configured.headers,
                              SystemClock().now());
    if (may_be_passing(status)) found.trouble = told;
    return {};
  }
  const auto value = parse_json_tree(configured.body);
  const std::string endpoint = text(member(&value, "token_endpoint"));
  // What is no URL may stand right in /metadata.
  if (const auto resolved = resolve_url(base + "/", endpoint); !endpoint.empty() && resolved)
    found.token_endpoint = *resolved;
  found.scopes = texts(member(&value, "scopes_supported"));
  found.capabilities = texts(member(&value, "capabilities"));
  found.algorithms = texts(member(&value, "token_endpoint_auth_signing_alg_values_supported"));
  return {};
}

}  // namespace

Result<Discovered> discover(Exchange& exchange, const std::string& base, bool wants_token) {
  Discovered found;
  if (wants_token) SLUICE_RETURN_IF_ERROR(read_smart_configuration(exchange, base, found));
  ExchangeRequest request{"GET", base + "/metadata"};
  request.headers = {"Accept: application/fhir+json"};
  request.size_max = kStatementSizeMax;
  const auto statement = exchange.send(request);
  // A server whose /metadata is too large or broken may still export.
  if (!statement && statement.error().kind == ErrorKind::kCancelled) return statement.error();
  found.vendor = detect_vendor(statement && statement->status == 200 ? statement->body : "");
  const bool is_unheard = !statement && (statement.error().kind == ErrorKind::kUnavailable ||
                                         statement.error().kind == ErrorKind::kTimeout);
  if (is_unheard)
    found.trouble = statement.error().message;
  else if (statement && may_be_passing(statement->status))
    found.trouble =
        fmt::format("'{}' answers {}: {}", request.url, statement->status, statement->problem());
  if (statement && statement->status == 200) {
    const auto value = parse_json_tree(statement->body);
    if (found.token_endpoint.empty()) found.token_endpoint = token_endpoint_of(value);
    const auto* software = member(&value, "software");
    found.software_name = text(member(software, "name"));
    found.software_version = text(member(software, "version"));
    found.software_release_date = text(member(software, "releaseDate"));
    found.fhir_version = text(member(&value, "fhirVersion"));
    found.sends_history_of_new_members = says_history_of_new_members(statement->body);
  }
  if (wants_token && !found.token_endpoint.empty()) {
    SLUICE_ASSIGN_OR_RETURN(found.token_endpoint, resolve_url(base + "/", found.token_endpoint));
  }
  return found;
}

std::string default_scope(const Discovered& discovered) {
  if (!discovered.vendor.scope.empty()) return std::string(discovered.vendor.scope);
  const auto has = [](const std::vector<std::string>& list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  if (has(discovered.scopes, "system/*.rs")) return "system/*.rs";
  if (has(discovered.scopes, "system/*.read")) return "system/*.read";
  if (has(discovered.scopes, "system/*.*")) return "system/*.*";
  return has(discovered.capabilities, "permission-v1") &&
                 !has(discovered.capabilities, "permission-v2")
             ? "system/*.read"
             : "system/*.rs";
}

}  // namespace sluice::client
