// `sluice serve`: wires store, files, engine, endpoints and HTTP server together.
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

#include "api/core/service.h"
#include "api/jobs/export_attachment.h"
#include "api/routes/metrics.h"
#include "api/routes/readiness.h"
#include "api/routes/routes.h"
#include "base/file.h"
#include "base/log.h"
#include "base/worker_pool.h"
#include "bulk/export/job/export_job.h"
#include "bulk/group/cohort_job.h"
#include "bulk/group/cohort_refresher.h"
#include "cli/address.h"
#include "cli/client_changes.h"
#include "cli/command.h"
#include "cli/control_server.h"
#include "cli/data_folder.h"
#include "cli/health_server.h"
#include "cli/import_service.h"
#include "cli/job_report.h"
#include "cli/load_session.h"
#include "cli/options.h"
#include "cli/private_data.h"
#include "cli/signals.h"
#include "cli/store_report.h"
#include "fetch/fetch.h"
#include "http/request_metrics.h"
#include "http/router.h"
#include "http/server.h"
#include "job/engine.h"
#include "output/file_store.h"
#include "smart/fetched_keys.h"
#include "store/rocksdb/rocksdb_store.h"

namespace sluice::cli {
namespace {

struct ServeArguments {
  std::string data;
  std::string listen = "127.0.0.1:8080";
  std::string health_listen;
  bool open = false;
  bool is_public = false;
  bool behind_proxy = false;
  bool lenient = false;
  http::TlsOptions tls;
  api::AuthorizationOptions authorization;
  std::string group_history_of_new_members = "on";
  std::uint64_t cohort_refresh = 3600;
  std::uint64_t token_lifetime = 300;
  std::string registration_token_file;
  client::FetchOptions jwks_fetch;
  std::string log_level = "info";
  std::uint64_t file_expiry = 24 * 3600;
  std::uint64_t retry_after_max = 30;
  std::uint64_t history_retention = 3600;
  std::uint64_t search_timeout = 20;
  std::string conditional_delete = "single";
  std::size_t request_threads = 8;
  std::size_t connections_of_address_max = 0;
  std::uint64_t header_timeout = 10;
  std::uint64_t idle_timeout = 60;
  http::ServerOptions server;
  job::EngineOptions engine;
  bulk::ExportSizes sizes;
  ImportArguments import;
  api::ServiceOptions service;
};

// nobody serves open or in the clear to others by accident.
Result<Address> check_exposure(const ServeArguments& arguments) {
  SLUICE_TRY(auto address, parse_address("--listen", arguments.listen));
  if (arguments.tls.certificate.empty() != arguments.tls.key.empty())
    return invalid("serve: --tls-certificate and --tls-key belong together");
  const bool has_tls = !arguments.tls.certificate.empty();
  if (!has_tls &&
      (!arguments.tls.client_authorities.empty() || arguments.tls.client_certificate_required))
    return invalid("serve: client certificates need --tls-certificate and --tls-key");
  if (arguments.is_public && !arguments.open)
    return invalid("serve: --i-know-this-is-public goes with --open");
  if (is_loopback(address.host)) return address;
  if (arguments.open && !arguments.is_public)
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
  return std::max<std::size_t>(64, arguments.server.connections_max / 4);
}

constexpr std::chrono::seconds kLookForCertificates(5);
constexpr std::chrono::minutes kMaintainAuthorization(1);

Result<bool> reload_now(http::TlsContexts& tls) {
  SLUICE_CHECK(tls.reload());
  return true;
}

// Waits for SIGINT or SIGTERM; meanwhile takes up new certificates, on SIGHUP and when their files
// change, and keeps the authorization's keys fresh.
int wait_for_stop(const SignalWaiter& signals, http::TlsContexts* tls,
                  const std::function<void()>& maintain) {
  auto maintained = std::chrono::steady_clock::now();
  while (true) {
    const auto signal = signals.wait_for(kLookForCertificates);
    if (signal && *signal != SIGHUP) return *signal;
    if (std::chrono::steady_clock::now() - maintained >= kMaintainAuthorization) {
      maintain();
      maintained = std::chrono::steady_clock::now();
    }
    if (tls == nullptr) continue;
    const auto reloaded = signal ? reload_now(*tls) : tls->reload_if_changed();
    if (!reloaded)
      spdlog::error("certificates not reloaded, the old ones stay error=\"{}\"",
                    reloaded.error().message);
    else if (*reloaded)
      spdlog::info("certificates reloaded");
  }
}

// What an open server answers to beside loopback names: DNS rebinding must not reach it.
std::vector<std::string> own_hosts(const ServeArguments& arguments, const Address& address) {
  std::vector<std::string> hosts{url_host(address)};
  const std::string& base = arguments.service.base_url;
  if (const auto scheme = base.find("://"); scheme != std::string::npos)
    hosts.push_back(base.substr(scheme + 3, base.find('/', scheme + 3) - (scheme + 3)));
  return hosts;
}

Result<std::unique_ptr<api::Authorization>> open_authorization(ServeArguments& arguments,
                                                               store::Store& store,
                                                               const Clock& clock) {
  api::AuthorizationOptions& options = arguments.authorization;
  options.base_url = arguments.service.base_url;
  options.audit_folder = std::filesystem::path(arguments.data) / "audit";
  options.token_lifetime = std::chrono::seconds(arguments.token_lifetime);
  if (!arguments.registration_token_file.empty()) {
    SLUICE_TRY(options.registration_token, read_file(arguments.registration_token_file));
    while (!options.registration_token.empty() && options.registration_token.back() <= ' ')
      options.registration_token.pop_back();
    if (options.registration_token.size() < 20)
      return invalid("serve: the initial access token of registration has less than 20 characters");
  }
  smart::FetchedKeysOptions limits;
  limits.waiting_max = std::max<std::size_t>(1, arguments.request_threads / 4);
  auto keys = std::make_unique<smart::FetchedKeys>(
      [fetching = arguments.jwks_fetch](const std::string& url,
                                        const std::stop_token& stop) -> Result<smart::FetchedJwks> {
        client::FetchOptions fetch = fetching;
        fetch.stop = stop;
        SLUICE_TRY(auto got, client::fetch(url, fetch));
        return smart::FetchedJwks{std::move(got.body), got.max_age};
      },
      limits);
  return api::Authorization::open(store, clock, std::move(keys), options);
}

// What commands of the same data folder ask of the running server.
Result<std::unique_ptr<ControlServer>> start_control(const std::string& data, store::Store& store,
                                                     bulk::LargeText& large,
                                                     api::Authorization* authorization,
                                                     job::Engine& engine,
                                                     std::function<std::string()> metrics) {
  auto handler = [&store, authorization, &engine, metrics = std::move(metrics)](
                     const auto& request) -> Result<boost::json::object> {
    const auto text = [&](const char* name) {
      const auto* value = request.if_contains(name);
      return value == nullptr || !value->is_string() ? std::string()
                                                     : std::string(value->get_string());
    };
    if (text("do") == "jobs") return report_jobs(store, text("id"));
    if (text("do") == "stats") return report_store(store);
    if (text("do") == "metrics") return boost::json::object{{"text", metrics()}};
    if (authorization == nullptr)
      return Error{ErrorKind::kConflict,
                   "the server that has the store open runs with --open and knows no clients"};
    auto changed = change_clients(authorization->clients(), authorization->audit(), request);
    if (changed && text("do") == "remove") end_jobs_of_removed(engine, authorization->clients());
    return changed;
  };
  auto conversation = [&store, &large, data, authorization](ControlChannel& channel,
                                                            const auto& request,
                                                            const std::stop_token& stop) {
    auto* const audit = authorization == nullptr ? nullptr : &authorization->audit();
    const auto* what = request.if_contains("do");
    if (what != nullptr && what->is_string() && what->get_string() == "remove")
      serve_removal(store, audit, channel, stop);
    else
      serve_load({store, large, data, audit}, channel, request, stop);
  };
  return ControlServer::start(data, std::move(handler), std::move(conversation));
}

void log_request(const http::RequestRecord& record) {
  spdlog::info("request id={} method={} route={} status={} bytes={} us={} peer={}{}", record.id,
               record.method, record.route, record.status, record.bytes_sent,
               record.duration.count(), record.peer_address, record.aborted ? " aborted" : "");
}

Result<int> run_serve(ServeArguments& arguments) {
  if (arguments.data.empty()) return invalid("serve: --data DIR is missing");
  SLUICE_TRY(const Address address, check_exposure(arguments));
  set_up_logging(arguments.log_level);
  const SignalWaiter signals({SIGINT, SIGTERM, SIGHUP});
  arguments.server.host = address.host;
  arguments.server.port = address.port;
  if (!arguments.tls.certificate.empty()) {
    SLUICE_TRY(arguments.server.tls, http::TlsContexts::load(arguments.tls));
  }
  arguments.server.header_timeout = std::chrono::seconds(arguments.header_timeout);
  arguments.server.idle_timeout = std::chrono::seconds(arguments.idle_timeout);
  arguments.server.connections_of_address_max = connections_of_address_max(arguments);
  arguments.engine.expiry = std::chrono::seconds(arguments.file_expiry);
  arguments.engine.history_retention = std::chrono::seconds(arguments.history_retention);
  arguments.service.history_retention = arguments.engine.history_retention;
  arguments.service.search_timeout = std::chrono::seconds(arguments.search_timeout);
  arguments.service.conditional_delete_of_several = arguments.conditional_delete == "multiple";
  if (arguments.lenient) arguments.service.leniency = rest::Leniency::kLenient;
  arguments.service.searches_max = std::max<std::size_t>(1, arguments.request_threads / 2);
  arguments.service.history_of_new_members = arguments.group_history_of_new_members == "on";
  arguments.service.retry_after_max = std::chrono::seconds(arguments.retry_after_max);
  arguments.sizes.workers = arguments.engine.workers;
  while (!arguments.service.base_url.empty() && arguments.service.base_url.back() == '/')
    arguments.service.base_url.pop_back();

  if (arguments.open) arguments.server.own_hosts = own_hosts(arguments, address);

  const SystemClock clock;
  keep_private(arguments.data);
  const api::ServerMetrics metrics;
  SLUICE_TRY(const auto store,
             store::open_rocksdb_store(arguments.data, clock, {.metrics = metrics.of_store}));
  SLUICE_TRY(const auto files,
             output::open_local_file_store(std::filesystem::path(arguments.data) / "files"));
  std::unique_ptr<api::Authorization> authorization;
  bulk::ExportJobs exports(*store, *files, arguments.sizes, api::attachment_urls(authorization));
  SLUICE_TRY(const auto imports,
             ImportService::open(arguments.import, arguments.data, *store, *files));
  arguments.service.import_rules = imports->rules();
  bulk::CohortJobs cohorts(*store);
  arguments.service.stores_cohorts = arguments.cohort_refresh > 0;
  arguments.engine.metrics = metrics.of_server;
  job::Engine engine(*store, clock,
                     {{&exports, arguments.engine.workers},
                      {&imports->jobs(), arguments.import.workers},
                      {&cohorts, arguments.engine.workers}},
                     arguments.engine);
  api::Service service(*store, *files, engine, clock, arguments.service);
  http::RequestMetrics requests(*metrics.of_server);
  http::Router router(api::error_responder());
  WorkerPool pool(
      {.threads = arguments.request_threads, .queue_max = 4096, .name = "request", .nice = 0});
  arguments.server.answers = service.answers;
  http::Server server(arguments.server, router, pool, [&requests](const auto& record) {
    requests.count(record);
    log_request(record);
  });
  SLUICE_CHECK(server.listen());
  const auto connections = http::show_connections(*metrics.of_server, server);
  std::optional<HealthServer> health;
  if (!arguments.health_listen.empty()) {
    SLUICE_TRY(const Address told_at, parse_address("--health-listen", arguments.health_listen));
    health.emplace(arguments.server, told_at,
                   [&requests](const auto& record) { requests.count(record); });
    SLUICE_CHECK(health->listen());
  }
  const std::string origin = fmt::format("{}://{}:{}", arguments.server.tls ? "https" : "http",
                                         url_host(address), server.port());
  if (!arguments.open) {
    // Tokens and assertions name one server, whatever a request calls it.
    if (service.options.base_url.empty())
      service.options.base_url = origin + std::string(api::kFhirPath);
    arguments.service.base_url = service.options.base_url;
    arguments.authorization.metrics = metrics.of_server;
    SLUICE_TRY(authorization, open_authorization(arguments, *store, clock));
    service.authorization = authorization.get();
  }
  SLUICE_TRY(const auto control,
             start_control(arguments.data, *store, imports->large(), authorization.get(), engine,
                           [&] { return metrics.text(); }));
  const api::Readiness readiness([&store] { return api::trouble_of(*store); }, {});
  api::add_routes(router, service, metrics, readiness);
  // Not before: shards sign the URLs of attachments.
  SLUICE_CHECK(engine.start());
  if (authorization != nullptr) end_jobs_of_removed(engine, authorization->clients());
  bulk::CohortRefresher refresher(
      *store, engine, clock,
      {.period = std::chrono::seconds(arguments.cohort_refresh),
       .base_url = arguments.service.base_url.empty() ? origin + std::string(api::kFhirPath)
                                                      : arguments.service.base_url});
  refresher.start();
  SLUICE_CHECK(server.start());
  if (health) {
    SLUICE_CHECK(health->start(*store, clock, readiness));
    spdlog::info("health is told port={}", health->port());
  }
  if (arguments.open)
    fmt::print(stderr, "open: no authentication, {}\n",
               is_loopback(address.host) ? "on loopback only" : "whoever reaches it exports all");
  fmt::print(stderr, "listening on {}{}\n", origin, api::kFhirPath);
  std::fflush(stderr);

  const int signal = wait_for_stop(signals, arguments.server.tls.get(), [&] {
    if (authorization == nullptr) return;
    authorization->maintain();
    // Of a client that was removed while its kick-off was under way.
    end_jobs_of_removed(engine, authorization->clients());
  });
  spdlog::info("stopping signal={}", signal);
  service.stopping.request_stop();
  server.stop();
  if (health) health->stop();
  control->stop();
  refresher.stop();
  engine.stop();
  pool.stop();
  spdlog::info("stopped");
  return 0;
}

void add_exposure(CLI::App& command, ServeArguments& arguments) {
  add_switch(command, "open", arguments.open, "Serve without authentication");
  add_switch(command, "i-know-this-is-public", arguments.is_public,
             "With --open: on other addresses than loopback too");
  add_switch(command, "behind-proxy", arguments.behind_proxy,
             "Serve without TLS off loopback, because a proxy terminates it");
  add_option(command, "tls-certificate", arguments.tls.certificate,
             "PEM file with the server's certificate and its chain: serve by TLS");
  add_option(command, "tls-key", arguments.tls.key, "PEM file with its private key");
  add_option(command, "tls-client-ca", arguments.tls.client_authorities,
             "PEM file with the authorities of client certificates");
  add_option(command, "tls-handshake-rate", arguments.server.handshakes_of_address_max,
             "TLS connections a second that one address may begin, twice as many at once; 0: no "
             "limit")
      ->check(CLI::Range(0, 1'000'000));
  add_switch(command, "tls-require-client", arguments.tls.client_certificate_required,
             "Refuse connections without a client certificate");
}

void add_authorization(CLI::App& command, ServeArguments& arguments) {
  add_option(command, "token-lifetime", arguments.token_lifetime,
             "Seconds that an access token lives")
      ->check(CLI::Range(10, 3600));
  add_switch(command, "more-algorithms", arguments.authorization.more_algorithms,
             "Take assertions with RS256, ES256 and PS384 beside RS384 and ES384");
  add_option(command, "token-rate", arguments.authorization.token_requests_per_minute,
             "Token requests a minute of one address; 0: no limit");
  add_option(command, "client-token-rate", arguments.authorization.client_token_requests_per_minute,
             "Tokens a minute of one client; 0: no limit");
  add_option(command, "address-kick-off-rate", arguments.authorization.address_requests_per_minute,
             "Kick-offs a minute of one address; 0: no limit");
  add_option(command, "kick-off-rate", arguments.authorization.client_requests_per_minute,
             "Kick-offs a minute of a client without a limit of its own; 0: no limit");
  add_option(
      command, "registration-token", arguments.registration_token_file,
      "File with the initial access token of dynamic registration; without it there is none");
  add_option(command, "registration-scope", arguments.authorization.registration_scope,
             "The most that clients registered so get");
  add_switch(command, "jwks-allow-private", arguments.jwks_fetch.allow_private,
             "Fetch clients' keys from private and loopback addresses too, and without TLS there");
}

void add_import(CLI::App& command, ServeArguments& arguments) {
  add_option(command, "import-folder", arguments.import.folders,
             "Folder whose files $import may read; may be repeated; without it none");
  add_option(command, "import-workers", arguments.import.workers, "Inputs imported side by side")
      ->check(CLI::Range(1, 64));
  add_option(command, "import-problems-max", arguments.import.problems_max,
             "Problems after which an input of $import is not read on; 0: no limit");
  add_option(command, "import-ca-file", arguments.import.download.authority_file,
             "PEM file with the authorities that $import trusts, instead of the system's");
  add_switch(command, "import-allow-private", arguments.import.download.allow_private,
             "Import from private and loopback addresses too, and without TLS there");
}

void add_limits(CLI::App& command, ServeArguments& arguments) {
  add_option(command, "max-jobs", arguments.engine.jobs_max,
             "Running exports and imports, of all clients")
      ->check(CLI::Range(1, 100'000));
  add_option(command, "max-jobs-per-client", arguments.engine.jobs_per_client_max,
             "Running exports and imports of one client")
      ->check(CLI::Range(1, 100'000));
  add_option(command, "max-kept-jobs-per-client", arguments.engine.kept_jobs_per_client_max,
             "Jobs of one client that run, or ended and were neither deleted nor expired")
      ->check(CLI::Range(1, 1'000'000));
  add_option(command, "max-connections", arguments.server.connections_max, "Open connections")
      ->check(CLI::Range(1, 1'000'000));
  add_option(command, "max-connections-per-address", arguments.connections_of_address_max,
             "Open connections of one address; 0: a quarter of --max-connections, 64 at least")
      ->check(CLI::Range(0, 1'000'000));
  add_option(command, "max-body-size", arguments.server.body_size_max,
             "Bytes of a request body; 64MB style units are understood")
      ->transform(CLI::AsSizeValue(false));
  add_option(command, "answer-memory", arguments.service.answers_size_max,
             "Bytes that all answers may hold in memory together; 64MB style units")
      ->transform(CLI::AsSizeValue(false));
  add_option(command, "max-bundle-answer", arguments.service.bundle_answer_size_max,
             "Bytes of the answer to one Bundle; 64MB style units")
      ->transform(CLI::AsSizeValue(false));
  add_option(command, "header-timeout", arguments.header_timeout,
             "Seconds a client has for a request's header")
      ->check(CLI::Range(1, 3600));
  add_option(command, "idle-timeout", arguments.idle_timeout, "Seconds between two requests")
      ->check(CLI::Range(1, 3600));
  add_option(command, "retry-after-max", arguments.retry_after_max,
             "Most seconds that a polling client is asked to wait")
      ->check(CLI::Range(1, 86400));
  add_option(command, "search-timeout", arguments.search_timeout,
             "Seconds that a search may take; one without _sort gives what it has found by then")
      ->check(CLI::Range(1, 3600));
  add_option(command, "conditional-delete", arguments.conditional_delete,
             "What a DELETE by a search may delete: single, multiple")
      ->check(CLI::IsMember({"single", "multiple"}));
  add_option(command, "cascade-max", arguments.service.cascade_max,
             "Resources that one DELETE with _cascade may delete")
      ->check(CLI::Range(1, 1'000'000));
  add_option(command, "poll-burst", arguments.service.poll_burst,
             "Polls of one job before they are held to Retry-After")
      ->check(CLI::Range(1, 1'000'000));
}

}  // namespace

Command add_serve(CLI::App& app) {
  auto* command = app.add_subcommand("serve", "Serve Bulk Data exports of a store over HTTP");
  command->footer("Example:\n  sluice serve --data ./data --listen 127.0.0.1:8080 --open");
  auto arguments = std::make_shared<ServeArguments>();
  arguments->engine.workers = std::max(1u, std::thread::hardware_concurrency());
  arguments->server.handshakes_of_address_max = 100;
  add_option(*command, "data", arguments->data, "The data folder; created when missing");
  add_option(*command, "listen", arguments->listen, "HOST:PORT; port 0 takes a free one");
  add_option(*command, "health-listen", arguments->health_listen,
             "HOST:PORT where /healthz and /readyz are told too, without TLS");
  add_exposure(*command, *arguments);
  add_option(*command, "base-url", arguments->service.base_url,
             "Public FHIR base URL, when clients reach the server by another name");
  add_option(*command, "export-workers", arguments->engine.workers, "Threads that export")
      ->check(CLI::Range(1, 256));
  add_option(*command, "request-threads", arguments->request_threads,
             "Threads that answer requests")
      ->check(CLI::Range(1, 256));
  add_option(*command, "file-expiry", arguments->file_expiry,
             "Seconds that an export's files stay after it is done")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{366} * 86400));
  add_option(*command, "file-size-max", arguments->sizes.file_size_max,
             "Bytes of NDJSON in a file when the client does not say; 500MB style units")
      ->transform(CLI::AsSizeValue(false));
  add_option(*command, "history-retention", arguments->history_retention,
             "Seconds that superseded versions are kept at least");
  add_switch(*command, "lenient", arguments->lenient,
             "Store resources that light validation finds fault with, and warn");
  add_switch(*command, "require-respond-async", arguments->service.require_respond_async,
             "Refuse kick-offs without Prefer: respond-async");
  add_option(
      *command, "group-history-of-new-members", arguments->group_history_of_new_members,
      "Whether Group exports with _since add all that patients have who joined since: on, off")
      ->check(CLI::IsMember({"on", "off"}));
  add_option(*command, "cohort-refresh", arguments->cohort_refresh,
             "Seconds between two evaluations of a Group with member-filter; 0: at each export")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{366} * 86400));
  add_option(*command, "cors-origin", arguments->server.cors_origins,
             "Origin that browsers may call from, or *; may be repeated");
  add_option(*command, "trusted-proxy", arguments->server.trusted_proxies,
             "IP address whose X-Forwarded-* headers count; may be repeated");
  add_option(*command, "log-level", arguments->log_level, "trace, debug, info, warn, error, off")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  add_authorization(*command, *arguments);
  add_import(*command, *arguments);
  add_limits(*command, *arguments);
  return {command, [arguments] { return run_serve(*arguments); }};
}

}  // namespace sluice::cli
