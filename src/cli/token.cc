// `sluice token`: an access token of any SMART server, by SMART Backend Services.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>
#include <stop_token>
#include <utility>

#include "base/instant.h"
#include "base/json_text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/pull_options.h"
#include "client/http/authority_file.h"
#include "client/http/exchange.h"
#include "client/http/shown_text.h"
#include "client/http/waiter.h"
#include "client/protocol/discovery.h"
#include "client/protocol/token_source.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds kTimeLimit(60'000);

struct TokenArguments {
  std::string base_url;
  std::string client_id;
  std::string key_file;
  std::string scope = "system/*.rs";
  std::string ca_file;
  bool as_json = false;
};

Result<int> print_token(TokenArguments& arguments) {
  if (arguments.client_id.empty()) return invalid("token: --client-id is missing");
  if (arguments.key_file.empty()) return invalid("token: --key is missing");
  while (arguments.base_url.ends_with('/')) arguments.base_url.pop_back();
  client::Credentials credentials{arguments.client_id, {}, {}, {}, arguments.scope};
  SLUICE_ASSIGN_OR_RETURN(credentials.key, read_private_key(arguments.key_file));
  SLUICE_RETURN_IF_ERROR(client::check_authority_file("--ca-file", arguments.ca_file));
  client::Connection connection;
  connection.user_agent = std::string("Sluice/") + SLUICE_VERSION;
  connection.authority_file = arguments.ca_file;
  const SystemClock clock;
  const client::Waiter waiter(std::stop_token(), kTimeLimit);
  client::Exchange exchange(connection, {}, waiter);
  SLUICE_ASSIGN_OR_RETURN(const auto found, client::discover(exchange, arguments.base_url, true));
  if (found.token_endpoint.empty() && !found.trouble.empty())
    return Error{ErrorKind::kUnavailable, found.trouble};
  if (found.token_endpoint.empty())
    return Error{ErrorKind::kUnauthenticated,
                 fmt::format("'{}' names no token endpoint, neither in .well-known/"
                             "smart-configuration nor in /metadata",
                             arguments.base_url)};
  credentials.token_endpoint = found.token_endpoint;
  client::TokenSource tokens(exchange, clock, std::move(credentials));
  SLUICE_ASSIGN_OR_RETURN(const auto answer, tokens.request_token());
  const std::string text =
      arguments.as_json ? json_text(answer) : std::string(answer.at("access_token").as_string());
  fmt::print("{}\n", client::shown_text(text));
  return 0;
}

int run_token(TokenArguments& arguments) {
  const auto printed = print_token(arguments);
  if (printed) return *printed;
  fmt::print(stderr, "sluice: {}\n", client::shown_text(told(printed.error())));
  return pull_exit_code(printed.error().kind);
}

}  // namespace

Command add_token(CLI::App& app) {
  auto* command = app.add_subcommand("token", "Request an access token from a SMART server");
  command->footer(
      "Example:\n  sluice token https://ehr.example/fhir --client-id research --key key.jwk "
      "--scope 'system/*.rs'\n"
      "Exit codes: 0 done, 2 wrong use, 4 the server refuses, or is not trusted, 5 it fails, 6 it "
      "cannot be reached");
  auto arguments = std::make_shared<TokenArguments>();
  command->add_option("base", arguments->base_url, "The server's FHIR base URL")->required();
  add_option(*command, "client-id", arguments->client_id, "Our client id at the server");
  add_option(*command, "key", arguments->key_file,
             "File with our private key: JWK, JWK Set or PEM");
  add_option(*command, "scope", arguments->scope, "Scopes to request, separated by spaces");
  add_option(*command, "ca-file", arguments->ca_file,
             "PEM file with the authorities to trust instead of the system's");
  add_switch(*command, "json", arguments->as_json, "Print the whole token response");
  return {command, [arguments]() -> Result<int> { return run_token(*arguments); }};
}

}  // namespace sluice::cli
