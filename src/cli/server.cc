#include "cli/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "api/jobs/export_attachment.h"
#include "api/jobs/job_report.h"
#include "api/routes/readiness.h"
#include "api/routes/routes.h"
#include "base/log.h"
#include "base/worker_pool.h"
#include "bulk/export/job/export_job.h"
#include "bulk/group/cohort_job.h"
#include "bulk/group/cohort_refresher.h"
#include "cli/client_changes.h"
#include "cli/control_server.h"
#include "cli/data_folder.h"
#include "cli/health_server.h"
#include "cli/load_session.h"
#include "cli/store_report.h"
#include "http/request_metrics.h"
#include "output/file_store.h"
#include "smart/fetched_keys.h"

namespace sluice::cli {
namespace {

// What an open server answers to beside loopback names: DNS rebinding must not reach it.
std::vector<std::string> own_hosts(const Address& address, const std::string& base_url) {
  std::vector<std::string> hosts{url_host(address)};
  if (const auto scheme = base_url.find("://"); scheme != std::string::npos)
    hosts.push_back(base_url.substr(scheme + 3, base_url.find('/', scheme + 3) - (scheme + 3)));
  return hosts;
}

// Says to each part what another part's options say.
ServerOptions completed(ServerOptions options, const api::ServerMetrics& metrics) {
  std::string& base_url = options.service.base_url;
  while (!base_url.empty() && base_url.back() == '/') base_url.pop_back();
  options.http.host = options.address.host;
  options.http.port = options.address.port;
  if (options.open) options.http.own_hosts = own_hosts(options.address, base_url);
  options.service.history_retention = options.engine.history_retention;
  options.service.searches_max = std::max<std::size_t>(1, options.request_threads / 2);
  options.service.stores_cohorts = options.cohort_refresh.count() > 0;
  options.sizes.workers = options.engine.workers;
  options.engine.metrics = metrics.of_server;
  options.authorization.metrics = metrics.of_server;
  options.authorization.audit_folder = options.data / "audit";
  return options;
}

std::unique_ptr<smart::FetchedKeys> key_source(const ServerOptions& options) {
  smart::FetchedKeysOptions limits;
  limits.waiting_max = std::max<std::size_t>(1, options.request_threads / 4);
  return std::make_unique<smart::FetchedKeys>(
      [fetching = options.jwks_fetch](const std::string& url,
                                      const std::stop_token& stop) -> Result<smart::FetchedJwks> {
        client::FetchOptions fetch = fetching;
        fetch.stop = stop;
        SLUICE_ASSIGN_OR_RETURN(auto got, client::fetch(url, fetch));
        return smart::FetchedJwks{std::move(got.body), got.max_age};
      },
      limits);
}

void log_request(const http::RequestRecord& record) {
  spdlog::info("request id={} method={} route={} status={} bytes={} us={} peer={}{}", record.id,
               record.method, record.route, record.status, record.bytes_sent,
               record.duration.count(), record.peer_address, record.aborted ? " aborted" : "");
}

}  // namespace

// Destroyed from the last up: a part stands below what it uses.
struct Server::Parts {
  Parts(ServerOptions given, const Clock& c)
      : options(completed(std::move(given), metrics)), clock(c) {}

  Result<void> load_certificates();
  Result<void> open_store();
  Result<void> make_jobs();
  Result<void> listen();
  Result<void> authorize();
  Result<void> make_endpoints();
  /// What commands of the same data folder ask of the running server.
  Result<void> start_control();
  Result<boost::json::object> answer_control(const boost::json::object& request);
  void end_jobs_of_removed_clients();

  const api::ServerMetrics metrics;
  ServerOptions options;
  const Clock& clock;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<output::FileStore> files;
  std::unique_ptr<api::Authorization> authorization;  ///< nullptr: the server is open
  std::optional<bulk::ExportJobs> exports;
  std::optional<bulk::ExportJobs> tables;
  std::unique_ptr<ImportService> imports;
  std::optional<bulk::CohortJobs> cohorts;
  std::optional<job::Engine> engine;
  std::optional<api::Service> service;
  std::optional<api::Readiness> readiness;
  http::RequestMetrics requests{*metrics.of_server};
  http::Router router{api::error_responder()};
  std::optional<WorkerPool> pool;
  std::optional<http::Server> http;
  std::string origin;
  std::optional<HealthServer> health;
  Metrics::Registration connections;
  std::unique_ptr<ControlServer> control;
  std::optional<bulk::CohortRefresher> refresher;
};

Result<void> Server::Parts::load_certificates() {
  if (!options.tls) return {};
  SLUICE_ASSIGN_OR_RETURN(options.http.tls, http::TlsContexts::load(*options.tls));
  return {};
}

Result<void> Server::Parts::open_store() {
  SLUICE_ASSIGN_OR_RETURN(store, cli::open_store(options.data, clock, StoreUse::kCreate,
                                                 {.metrics = metrics.of_store}));
  SLUICE_ASSIGN_OR_RETURN(files, output::open_local_file_store(options.data / "files"));
  return {};
}

Result<void> Server::Parts::make_jobs() {
  exports.emplace(*store, *files, options.sizes, api::attachment_urls(authorization));
  tables.emplace(*store, *files, options.sizes, api::attachment_urls(authorization),
                 bulk::ExportJobs::kTablesName);
  SLUICE_ASSIGN_OR_RETURN(imports,
                          ImportService::open(options.import, options.data, *store, *files));
  options.service.import_rules = imports->rules();
  cohorts.emplace(*store);
  engine.emplace(*store, clock,
                 std::vector<job::WorkerGroup>{{&*exports, options.engine.workers},
                                               {&*tables, options.engine.workers},
                                               {&imports->jobs(), options.import.workers},
                                               {&*cohorts, options.engine.workers}},
                 options.engine);
  return {};
}

Result<void> Server::Parts::listen() {
  service.emplace(*store, *files, *engine, clock, options.service);
  options.http.answers = service->answers;
  pool.emplace(WorkerPool::Options{
      .threads = options.request_threads, .queue_max = 4096, .name = "request", .nice = 0});
  http.emplace(options.http, router, *pool, [this](const auto& record) {
    requests.count(record);
    log_request(record);
  });
  SLUICE_RETURN_IF_ERROR(http->listen());
  connections = http::show_connections(*metrics.of_server, *http);
  if (options.health_address) {
    health.emplace(options.http, *options.health_address,
                   [this](const auto& record) { requests.count(record); });
    SLUICE_RETURN_IF_ERROR(health->listen());
  }
  origin = fmt::format("{}://{}:{}", options.tls ? "https" : "http", url_host(options.address),
                       http->port());
  return {};
}

Result<void> Server::Parts::authorize() {
  if (options.open) return {};
  // Tokens and assertions name one server, whatever a request calls it.
  std::string& base_url = service->options.base_url;
  if (base_url.empty()) base_url = origin + std::string(api::kFhirPath);
  options.authorization.base_url = base_url;
  SLUICE_ASSIGN_OR_RETURN(
      authorization,
      api::Authorization::open(*store, clock, key_source(options), options.authorization));
  service->authorization = authorization.get();
  return {};
}

Result<void> Server::Parts::make_endpoints() {
  readiness.emplace([this] { return api::trouble_of(*store); }, api::Readiness::Timing{});
  api::add_routes(router, *service, metrics, *readiness);
  const std::string& base_url = service->options.base_url;
  refresher.emplace(
      *store, *engine, clock,
      bulk::CohortRefresherOptions{
          .period = options.cohort_refresh,
          .base_url = base_url.empty() ? origin + std::string(api::kFhirPath) : base_url});
  return {};
}

Result<boost::json::object> Server::Parts::answer_control(const boost::json::object& request) {
  const auto text = [&](const char* name) {
    const auto* value = request.if_contains(name);
    return value == nullptr || !value->is_string() ? std::string()
                                                   : std::string(value->get_string());
  };
  const std::string what = text("do");
  if (what == "jobs") return api::report_jobs(*store, text("id"));
  if (what == "stats") return report_store(*store);
  if (what == "metrics") return boost::json::object{{"text", metrics.text()}};
  if (authorization == nullptr)
    return Error{ErrorKind::kConflict,
                 "the server that has the store open runs with --open and knows no clients"};
  auto changed = change_clients(authorization->clients(), authorization->audit(), request);
  if (changed) note_unknown_groups(*store, *changed);
  if (changed && what == "remove") end_jobs_of_removed_clients();
  return changed;
}

Result<void> Server::Parts::start_control() {
  auto conversation = [this](ControlChannel& channel, const boost::json::object& request,
                             const std::stop_token& stop) {
    auto* const audit = authorization == nullptr ? nullptr : &authorization->audit();
    const auto* what = request.if_contains("do");
    if (what != nullptr && what->is_string() && what->get_string() == "remove")
      serve_removal(*store, audit, channel, stop);
    else
      serve_load({*store, imports->large(), options.data, audit}, channel, request, stop);
  };
  SLUICE_ASSIGN_OR_RETURN(
      control, ControlServer::start(
                   options.data,
                   [this](const boost::json::object& request) { return answer_control(request); },
                   std::move(conversation)));
  return {};
}

void Server::Parts::end_jobs_of_removed_clients() {
  if (authorization != nullptr) end_jobs_of_removed(*engine, authorization->clients());
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() {
  stop();
}

Result<std::unique_ptr<Server>> Server::open(ServerOptions options, const Clock& clock) {
  auto parts = std::make_unique<Parts>(std::move(options), clock);
  SLUICE_RETURN_IF_ERROR(parts->load_certificates());
  SLUICE_RETURN_IF_ERROR(parts->open_store());
  SLUICE_RETURN_IF_ERROR(parts->make_jobs());
  SLUICE_RETURN_IF_ERROR(parts->listen());
  SLUICE_RETURN_IF_ERROR(parts->authorize());
  SLUICE_RETURN_IF_ERROR(parts->make_endpoints());
  SLUICE_RETURN_IF_ERROR(parts->start_control());
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Result<void> Server::start() {
  // Not before open() is done: shards sign the URLs of attachments.
  SLUICE_RETURN_IF_ERROR(parts_->engine->start());
  parts_->end_jobs_of_removed_clients();
  parts_->refresher->start();
  SLUICE_RETURN_IF_ERROR(parts_->http->start());
  if (parts_->health) {
    SLUICE_RETURN_IF_ERROR(
        parts_->health->start(*parts_->store, parts_->clock, *parts_->readiness));
  }
  return {};
}

void Server::stop() {
  parts_->service->stopping.request_stop();
  parts_->http->stop();
  if (parts_->health) parts_->health->stop();
  parts_->control->stop();
  parts_->refresher->stop();
  parts_->engine->stop();
  parts_->pool->stop();
}

void Server::maintain() {
  if (parts_->authorization == nullptr) return;
  parts_->authorization->maintain();
  // Of a client that was removed while its kick-off was under way.
  parts_->end_jobs_of_removed_clients();
}

const std::string& Server::origin() const {
  return parts_->origin;
}

std::optional<std::uint16_t> Server::health_port() const {
  if (!parts_->health) return std::nullopt;
  return parts_->health->port();
}

http::TlsContexts* Server::tls() {
  return parts_->options.http.tls.get();
}

store::Store& Server::store() {
  return *parts_->store;
}

job::Engine& Server::engine() {
  return *parts_->engine;
}

const http::Router& Server::router() const {
  return parts_->router;
}

const api::ServerMetrics& Server::metrics() const {
  return parts_->metrics;
}

}  // namespace sluice::cli
