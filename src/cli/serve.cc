// `sluice serve`: its options, and the server that it runs until a signal comes.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "cli/address.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/server.h"
#include "cli/signals.h"
#include "client/http/authority_file.h"
#include "smart/access_token.h"

namespace sluice::cli {
namespace {

// What the command line says; seconds are numbers there. The rest stands in the server's options.
struct ServeArguments {
  std::string data;
  std::string listen = "127.0.0.1:8080";
  std::string health_listen;
  bool is_public = false;
  bool behind_proxy = false;
  bool lenient = false;
  http::TlsOptions tls;
  std::string group_history_of_new_members = "on";
  std::uint64_t cohort_refresh = 3600;
  std::uint64_t token_lifetime = smart::kTokenLifetime.count();
  std::string registration_token_file;
  std::string log_level = "info";
  std::uint64_t file_expiry = 24 * 3600;
  std::uint64_t retry_after_max = 30;
  std::uint64_t history_retention = 3600;
  std::uint64_t search_timeout = 20;
  std::string conditional_delete = "single";
  std::size_t connections_of_address_max = 0;
  std::uint64_t header_timeout = 10;
  std::uint64_t idle_timeout = 60;
  ServerOptions server;
};

// nobody serves open or in the clear to others by accident.
Result<Address> check_exposure(const ServeArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(auto address, parse_address("--listen", arguments.listen));
  if (arguments.tls.certificate.empty() != arguments.tls.key.empty())
    return invalid("serve: --tls-certificate and --tls-key belong together");
  const bool has_tls = !arguments.tls.certificate.empty();
  if (!has_tls &&
      (!arguments.tls.client_authorities.empty() || arguments.tls.client_certificate_required))
    return invalid("serve: client certificates need --tls-certificate and --tls-key");
  if (arguments.is_public && !arguments.server.open)
    return invalid("serve: --i-know-this-is-public goes with --open");
  if (is_loopback(address.host)) return address;
  if (arguments.server.open && !arguments.is_public)
    return invalid(fmt::format(
        "serve: --open would let everybody who reaches '{}' export everything; it serves on "
        "loopback only (127.0.0.1, ::1, localhost) unless --i-know-this-is-public is given too",
        address.host));
  if (!has_tls && !arguments.behind_proxy)
    return invalid(fmt::format(
        "serve: without TLS only on loopback, not on '{}': give --tls-certificate and --tls-key, "
        "or --behind-proxy when a proxy in front of this server terminates TLS",
        address.host));
  return address;
}

// One client leaves room for others; in a small server it may have what a browser or a pull needs.
std::size_t connections_of_address_max(const ServeArguments& arguments) {
  if (arguments.connections_of_address_max != 0) return arguments.connections_of_address_max;
  return std::max<std::size_t>(64, arguments.server.http.connections_max / 4);
}

constexpr std::chrono::seconds kLookForCertificates(5);
constexpr std::chrono::minutes kMaintainAuthorization(1);

Result<bool> reload_now(http::TlsContexts& tls) {
  SLUICE_RETURN_IF_ERROR(tls.reload());
  return true;
}

// Waits for SIGINT or SIGTERM; meanwhile takes up new certificates, on SIGHUP and when their files
// change, and keeps the authorization's keys fresh.
int wait_for_stop(const SignalWaiter& signals, Server& server) {
  auto maintained = std::chrono::steady_clock::now();
  while (true) {
    const auto signal = signals.wait_for(kLookForCertificates);
    if (signal && *signal != SIGHUP) return *signal;
    if (std::chrono::steady_clock::now() - maintained >= kMaintainAuthorization) {
      server.maintain();
      maintained = std::chrono::steady_clock::now();
    }
    if (server.tls() == nullptr) continue;
    const auto reloaded = signal ? reload_now(*server.tls()) : server.tls()->reload_if_changed();
    if (!reloaded)
      spdlog::error("certificates not reloaded, the old ones stay error=\"{}\"",
                    reloaded.error().message);
    else if (*reloaded)
      spdlog::info("certificates reloaded");
  }
}

Result<std::string> read_registration_token(const std::string& file) {
  SLUICE_ASSIGN_OR_RETURN(auto token, read_file(file));
  while (!token.empty() && token.back() <= ' ') token.pop_back();
  if (token.size() < 20)
    return invalid("serve: the initial access token of registration has less than 20 characters");
  return token;
}

Result<ServerOptions> server_options(const ServeArguments& arguments) {
  if (arguments.data.empty()) return invalid("serve: --data DIR is missing");
  ServerOptions options = arguments.server;
  SLUICE_ASSIGN_OR_RETURN(options.address, check_exposure(arguments));
  SLUICE_RETURN_IF_ERROR(
      client::check_authority_file("--import-ca-file", options.import.download.authority_file));
  options.data = arguments.data;
  if (!arguments.health_listen.empty()) {
    SLUICE_ASSIGN_OR_RETURN(options.health_address,
                            parse_address("--health-listen", arguments.health_listen));
  }
  if (!arguments.tls.certificate.empty()) options.tls = arguments.tls;
  options.cohort_refresh = std::chrono::seconds(arguments.cohort_refresh);
  options.http.header_timeout = std::chrono::seconds(arguments.header_timeout);
  options.http.idle_timeout = std::chrono::seconds(arguments.idle_timeout);
  options.http.connections_of_address_max = connections_of_address_max(arguments);
  options.engine.expiry = std::chrono::seconds(arguments.file_expiry);
  options.engine.history_retention = std::chrono::seconds(arguments.history_retention);
  options.service.search_timeout = std::chrono::seconds(arguments.search_timeout);
  options.service.conditional_delete_of_several = arguments.conditional_delete == "multiple";
  if (arguments.lenient) options.service.leniency = rest::Leniency::kLenient;
  options.service.history_of_new_members = arguments.group_history_of_new_members == "on";
  options.service.retry_after_max = std::chrono::seconds(arguments.retry_after_max);
  options.authorization.token_lifetime = std::chrono::seconds(arguments.token_lifetime);
  if (!options.open && !arguments.registration_token_file.empty()) {
    SLUICE_ASSIGN_OR_RETURN(options.authorization.registration_token,
                            read_registration_token(arguments.registration_token_file));
  }
  return options;
}

void tell_where(const Server& server, const ServerOptions& options) {
  if (const auto port = server.health_port()) spdlog::info("health is told port={}", *port);
  if (options.open)
    fmt::print(
        stderr, "open: no authentication, {}\n",
        is_loopback(options.address.host) ? "on loopback only" : "whoever reaches it exports all");
  fmt::print(stderr, "listening on {}{}\n", server.origin(), api::kFhirPath);
  std::fflush(stderr);
}

Result<int> run_serve(const ServeArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(const ServerOptions options, server_options(arguments));
  set_up_logging(arguments.log_level);
  const SignalWaiter signals({SIGINT, SIGTERM, SIGHUP});
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(const auto server, Server::open(options, clock));
  SLUICE_RETURN_IF_ERROR(server->start());
  tell_where(*server, options);
  const int signal = wait_for_stop(signals, *server);
  spdlog::info("stopping signal={}", signal);
  server->stop();
  spdlog::info("stopped");
  return 0;
}

void add_exposure(CLI::App& command, ServeArguments& arguments) {
  add_switch(command, "open", arguments.server.open, "Serve without authentication");
  add_switch(command, "i-know-this-is-public", arguments.is_public,
             "Allow --open on addresses other than loopback");
  add_switch(command, "behind-proxy", arguments.behind_proxy,
             "Allow plain HTTP on addresses other than loopback: a proxy terminates TLS");
  add_option(command, "tls-certificate", arguments.tls.certificate,
             "PEM file with the server's certificate and its chain; turns TLS on");
  add_option(command, "tls-key", arguments.tls.key,
             "PEM file with the private key of the certificate");
  add_option(command, "tls-client-ca", arguments.tls.client_authorities,
             "PEM file with the authorities that client certificates are checked against");
  add_option(
      command, "tls-handshake-rate", arguments.server.http.handshakes_of_address_max,
      "TLS handshakes per second from one address, with bursts of twice as many; 0: no limit")
      ->check(CLI::Range(0, 1'000'000));
  add_switch(command, "tls-require-client", arguments.tls.client_certificate_required,
             "Refuse connections without a client certificate");
}

void add_authorization(CLI::App& command, ServeArguments& arguments) {
  add_option(command, "token-lifetime", arguments.token_lifetime,
             "Lifetime of an access token in seconds")
      ->check(CLI::Range(smart::kTokenLifetimeMin.count(), smart::kTokenLifetimeMax.count()));
  add_switch(command, "more-algorithms", arguments.server.authorization.more_algorithms,
             "Accept assertions signed with RS256, ES256 and PS384, besides RS384 and ES384");
  add_option(command, "token-rate", arguments.server.authorization.token_requests_per_minute,
             "Token requests per minute from one address; 0: no limit");
  add_option(command, "client-token-rate",
             arguments.server.authorization.client_token_requests_per_minute,
             "Tokens per minute for one client; 0: no limit");
  add_option(command, "address-kick-off-rate",
             arguments.server.authorization.address_requests_per_minute,
             "Kick-offs per minute from one address; 0: no limit");
  add_option(command, "kick-off-rate", arguments.server.authorization.client_requests_per_minute,
             "Kick-offs per minute for a client without a limit of its own; 0: no limit");
  add_option(command, "registration-token", arguments.registration_token_file,
             "File with the initial access token; turns dynamic registration on");
  add_option(command, "registration-scope", arguments.server.authorization.registration_scope,
             "Scopes that dynamically registered clients can get at most");
  add_switch(command, "jwks-allow-private", arguments.server.jwks_fetch.allow_private,
             "Allow JWKS URLs on private and loopback addresses, and without TLS there");
}

void add_import(CLI::App& command, ServeArguments& arguments) {
  add_option(command, "import-folder", arguments.server.import.folders,
             "Folder from which $import may read files; may be repeated; default: none");
  add_option(command, "import-workers", arguments.server.import.workers,
             "Inputs imported in parallel")
      ->check(CLI::Range(1, 64));
  add_option(command, "import-problems-max", arguments.server.import.problems_max,
             "Stop reading an input of $import after so many problems; 0: no limit");
  add_option(command, "import-ca-file", arguments.server.import.download.authority_file,
             "PEM file with the authorities that $import trusts instead of the system's");
  add_switch(command, "import-allow-private", arguments.server.import.download.allow_private,
             "Allow imports from private and loopback addresses, and without TLS there");
}

void add_limits(CLI::App& command, ServeArguments& arguments) {
  add_option(command, "max-jobs", arguments.server.engine.jobs_max,
             "Exports and imports that run at once, of all clients")
      ->check(CLI::Range(1, 100'000));
  add_option(command, "max-jobs-per-client", arguments.server.engine.jobs_per_client_max,
             "Exports and imports that run at once, of one client")
      ->check(CLI::Range(1, 100'000));
  add_option(command, "max-kept-jobs-per-client", arguments.server.engine.kept_jobs_per_client_max,
             "Jobs kept for one client: running, or done and neither deleted nor expired")
      ->check(CLI::Range(1, 1'000'000));
  add_option(command, "max-connections", arguments.server.http.connections_max, "Open connections")
      ->check(CLI::Range(1, 1'000'000));
  add_option(command, "max-connections-per-address", arguments.connections_of_address_max,
             "Open connections from one address; 0: a quarter of --max-connections, at least 64")
      ->check(CLI::Range(0, 1'000'000));
  add_option(command, "max-body-size", arguments.server.http.body_size_max,
             "Bytes of a request body; units such as 64MB")
      ->transform(CLI::AsSizeValue(false));
  add_option(command, "answer-memory", arguments.server.service.answers_size_max,
             "Bytes of memory for all responses together; units such as 64MB")
      ->transform(CLI::AsSizeValue(false));
  add_option(command, "max-bundle-answer", arguments.server.service.bundle_answer_size_max,
             "Bytes of the response to one Bundle; units such as 64MB")
      ->transform(CLI::AsSizeValue(false));
  add_option(command, "header-timeout", arguments.header_timeout,
             "Seconds to receive the header of a request")
      ->check(CLI::Range(1, 3600));
  add_option(command, "idle-timeout", arguments.idle_timeout,
             "Seconds that a connection may be idle between requests")
      ->check(CLI::Range(1, 3600));
  add_option(command, "retry-after-max", arguments.retry_after_max,
             "Largest Retry-After of a status response, in seconds")
      ->check(CLI::Range(1, 86400));
  add_option(command, "search-timeout", arguments.search_timeout,
             "Seconds that a search may take; one without _sort then returns what it has found")
      ->check(CLI::Range(1, 3600));
  add_option(command, "conditional-delete", arguments.conditional_delete,
             "What a conditional DELETE may delete: single, multiple")
      ->check(CLI::IsMember({"single", "multiple"}));
  add_option(command, "cascade-max", arguments.server.service.cascade_max,
             "Resources that one DELETE with _cascade may delete")
      ->check(CLI::Range(1, 1'000'000));
  add_option(command, "poll-burst", arguments.server.service.poll_burst,
             "Status requests of one job before Retry-After is enforced")
      ->check(CLI::Range(1, 1'000'000));
}

}  // namespace

Command add_serve(CLI::App& app) {
  auto* command = app.add_subcommand("serve", "Serve Bulk Data exports of a store over HTTP");
  command->footer(
      "Example:\n  sluice serve --data ./data --listen 127.0.0.1:8080 --open\n"
      "Exit codes: 0 stopped, 2 wrong use, 3 store in use, 4 disk, 5 other failures, as "
      "an address in use");
  auto arguments = std::make_shared<ServeArguments>();
  arguments->server.engine.workers = std::max(1u, std::thread::hardware_concurrency());
  arguments->server.http.handshakes_of_address_max = 100;
  add_option(*command, "data", arguments->data, "The data folder; created when missing");
  add_option(*command, "listen", arguments->listen, "HOST:PORT; port 0 takes a free one");
  add_option(*command, "health-listen", arguments->health_listen,
             "HOST:PORT that answers /healthz and /readyz too, without TLS");
  add_exposure(*command, *arguments);
  add_option(*command, "base-url", arguments->server.service.base_url,
             "Public FHIR base URL, if clients reach the server by another name");
  add_option(*command, "export-workers", arguments->server.engine.workers, "Threads for exports")
      ->check(CLI::Range(1, 256));
  add_option(*command, "request-threads", arguments->server.request_threads, "Threads for requests")
      ->check(CLI::Range(1, 256));
  add_option(*command, "file-expiry", arguments->file_expiry,
             "Seconds until the files of a finished export expire")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{366} * 86400));
  add_option(
      *command, "file-size-max", arguments->server.sizes.file_size_max,
      "Bytes of NDJSON per file unless the client asks for another size; units such as 500MB")
      ->transform(CLI::AsSizeValue(false));
  add_option(*command, "history-retention", arguments->history_retention,
             "Seconds for which superseded versions are kept at least");
  add_switch(*command, "lenient", arguments->lenient,
             "Store resources that fail light validation, and warn about them");
  add_switch(*command, "require-respond-async", arguments->server.service.require_respond_async,
             "Refuse kick-offs without Prefer: respond-async");
  add_option(
      *command, "group-history-of-new-members", arguments->group_history_of_new_members,
      "Whether Group exports with _since hold all data of patients who joined since then: on, off")
      ->check(CLI::IsMember({"on", "off"}));
  add_option(*command, "cohort-refresh", arguments->cohort_refresh,
             "Seconds between two evaluations of a Group with member-filter; 0: at each export")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{366} * 86400));
  add_option(*command, "cors-origin", arguments->server.http.cors_origins,
             "Origin allowed by CORS, or *; may be repeated");
  add_option(*command, "trusted-proxy", arguments->server.http.trusted_proxies,
             "IP address whose X-Forwarded-* headers are trusted; may be repeated");
  add_option(*command, "log-level", arguments->log_level, "trace, debug, info, warn, error, off")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  add_authorization(*command, *arguments);
  add_import(*command, *arguments);
  add_limits(*command, *arguments);
  return {command, [arguments] { return run_serve(*arguments); }};
}

}  // namespace sluice::cli
