// `sluice token`: an access token of any SMART server, by SMART Backend Services.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>

#include "base/bytes.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/json_text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "client/http/shown_text.h"
#include "fetch/fetch.h"
#include "http/message.h"
#include "jose/json_web_signature.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kAssertionLifetime(240);

struct TokenArguments {
  std::string base_url;
  std::string client_id;
  std::string key_file;
  std::string scope = "system/*.rs";
  std::string ca_file;
  bool as_json = false;
};

Result<json::object> read_json(const std::string& text, const std::string& where) {
  boost::system::error_code failed;
  auto value = json::parse(text, failed);
  if (failed || !value.is_object())
    return Error{ErrorKind::kUnavailable, fmt::format("token: {} answers no JSON object", where)};
  return std::move(value.get_object());
}

Result<std::string> token_endpoint(const std::string& base_url,
                                   const client::FetchOptions& options) {
  const std::string url = base_url + "/.well-known/smart-configuration";
  SLUICE_TRY(const auto fetched, client::fetch(url, options));
  SLUICE_TRY(const auto configuration, read_json(fetched.body, url));
  const auto* endpoint = configuration.if_contains("token_endpoint");
  if (endpoint == nullptr || !endpoint->is_string())
    return Error{ErrorKind::kUnavailable, fmt::format("token: {} names no token_endpoint", url)};
  return std::string(endpoint->get_string());
}

Result<std::string> make_assertion(const TokenArguments& arguments, const std::string& endpoint) {
  SLUICE_TRY(const auto text, read_file(arguments.key_file));
  SLUICE_TRY(const auto key, jose::PrivateJwk::parse(text));
  const std::int64_t now = SystemClock().now().milliseconds / 1000;
  return jose::Jws::sign({{"iss", arguments.client_id},
                          {"sub", arguments.client_id},
                          {"aud", endpoint},
                          {"iat", now},
                          {"exp", now + kAssertionLifetime.count()},
                          {"jti", random_hex(16)}},
                         key);
}

Result<int> print_token(TokenArguments& arguments) {
  if (arguments.client_id.empty()) return invalid("token: --client-id is missing");
  if (arguments.key_file.empty()) return invalid("token: --key is missing");
  while (arguments.base_url.ends_with('/')) arguments.base_url.pop_back();
  client::FetchOptions options;
  // The operator names the server: it may be anywhere.
  options.allow_private = true;
  options.authority_file = arguments.ca_file;
  SLUICE_TRY(const auto endpoint, token_endpoint(arguments.base_url, options));
  SLUICE_TRY(const auto assertion, make_assertion(arguments, endpoint));
  client::FetchRequest request{
      "POST", {"Content-Type: application/x-www-form-urlencoded", "Accept: application/json"}, {}};
  request.body = fmt::format(
      "grant_type=client_credentials&scope={}&client_assertion_type={}&client_assertion={}",
      http::percent_encode(arguments.scope),
      http::percent_encode("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), assertion);
  SLUICE_TRY(const auto answered, client::send(endpoint, request, options));
  SLUICE_TRY(const auto answer, read_json(answered.body, endpoint));
  const auto text = [&](const char* name) {
    const auto* member = answer.if_contains(name);
    return member != nullptr && member->is_string() ? std::string(member->get_string())
                                                    : std::string();
  };
  if (answered.status != 200)
    return Error{
        ErrorKind::kForbidden,
        client::shown_text(fmt::format("token: {} answers {}: {} {}", endpoint, answered.status,
                                       text("error"), text("error_description")))};
  fmt::print("{}\n",
             client::shown_text(arguments.as_json ? json_text(answer) : text("access_token")));
  return 0;
}

}  // namespace

Command add_token(CLI::App& app) {
  auto* command = app.add_subcommand("token", "Get an access token of a SMART server");
  command->footer(
      "Example:\n  sluice token https://ehr.example/fhir --client-id research --key key.jwk "
      "--scope 'system/*.rs'");
  auto arguments = std::make_shared<TokenArguments>();
  command->add_option("base", arguments->base_url, "The server's FHIR base URL")->required();
  add_option(*command, "client-id", arguments->client_id, "Who we are there");
  add_option(*command, "key", arguments->key_file,
             "File with our private key: JWK, JWK Set or PEM");
  add_option(*command, "scope", arguments->scope, "Scopes to ask for, separated by spaces");
  add_option(*command, "ca-file", arguments->ca_file,
             "PEM file with the authorities to trust instead of the system's");
  add_switch(*command, "json", arguments->as_json, "Print the whole answer");
  return {command, [arguments] { return print_token(*arguments); }};
}

}  // namespace sluice::cli
