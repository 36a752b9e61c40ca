// `sluice serve`: wires store, files, engine, endpoints and HTTP server together.
#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "api/metrics.h"
#include "api/routes.h"
#include "api/service.h"
#include "base/log.h"
#include "base/worker_pool.h"
#include "bulk/export_job.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/signals.h"
#include "http/router.h"
#include "http/server.h"
#include "job/engine.h"
#include "output/file_store.h"
#include "store/rocksdb/rocksdb_store.h"

namespace sluice::cli {
namespace {

struct ServeArguments {
  std::string data;
  std::string listen = "127.0.0.1:8080";
  bool open = false;
  std::string log_level = "info";
  std::uint64_t file_expiry = 24 * 3600;
  std::uint64_t retry_after_max = 30;
  std::uint64_t history_retention = 3600;
  std::size_t request_threads = 8;
  std::uint64_t header_timeout = 10;
  std::uint64_t idle_timeout = 60;
  http::ServerOptions server;
  job::EngineOptions engine;
  bulk::ExportSizes sizes;
  api::ServiceOptions service;
};

struct Address {
  std::string host;
  std::uint16_t port = 0;
};

// "127.0.0.1:8080", "[::1]:8080", "localhost:8080".
Result<Address> parse_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const Error bad = invalid(fmt::format("serve: --listen '{}' is not HOST:PORT", text));
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) return bad;
  Address address;
  address.host = text.substr(0, colon);
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']')
    address.host = address.host.substr(1, address.host.size() - 2);
  unsigned port = 0;
  for (const char c : text.substr(colon + 1)) {
    if (c < '0' || c > '9' || port > 65535) return bad;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  if (port > 65535) return bad;
  address.port = static_cast<std::uint16_t>(port);
  return address;
}

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  boost::system::error_code failed;
  const auto address = boost::asio::ip::make_address(host, failed);
  return !failed && address.is_loopback();
}

// nobody serves open by accident, and nobody serves open to others.
Result<Address> check_openness(const ServeArguments& arguments) {
  SLUICE_TRY(auto address, parse_address(arguments.listen));
  if (!arguments.open)
    return invalid(
        "serve: this version has no authorization yet; to serve without, on this machine only, "
        "say --open");
  if (!is_loopback(address.host))
    return invalid(fmt::format(
        "serve: --open serves on loopback only (127.0.0.1, ::1, localhost), not on '{}'",
        address.host));
  return address;
}

void log_request(const http::RequestRecord& record) {
  spdlog::info("request id={} method={} route={} status={} bytes={} us={} peer={}{}", record.id,
               record.method, record.route, record.status, record.bytes_sent,
               record.duration.count(), record.peer_address, record.aborted ? " aborted" : "");
}

Result<int> run_serve(ServeArguments& arguments) {
  if (arguments.data.empty()) return invalid("serve: --data DIR is missing");
  SLUICE_TRY(const Address address, check_openness(arguments));
  set_up_logging(arguments.log_level);
  const SignalWaiter signals({SIGINT, SIGTERM});
  arguments.server.host = address.host;
  arguments.server.port = address.port;
  arguments.server.header_timeout = std::chrono::seconds(arguments.header_timeout);
  arguments.server.idle_timeout = std::chrono::seconds(arguments.idle_timeout);
  arguments.engine.expiry = std::chrono::seconds(arguments.file_expiry);
  arguments.engine.history_retention = std::chrono::seconds(arguments.history_retention);
  arguments.service.retry_after_max = std::chrono::seconds(arguments.retry_after_max);
  arguments.sizes.workers = arguments.engine.workers;
  while (!arguments.service.base_url.empty() && arguments.service.base_url.back() == '/')
    arguments.service.base_url.pop_back();

  const SystemClock clock;
  SLUICE_TRY(const auto store, store::open_rocksdb_store(arguments.data, clock));
  SLUICE_TRY(const auto files,
             output::open_local_file_store(std::filesystem::path(arguments.data) / "files"));
  bulk::ExportJobs exports(*store, *files, arguments.sizes);
  job::Engine engine(*store, clock, exports, arguments.engine);
  SLUICE_CHECK(engine.start());
  api::Service service(*store, *files, engine, clock, arguments.service);
  api::Metrics metrics;
  http::Router router(api::error_responder());
  api::add_routes(router, service, metrics);
  WorkerPool pool(
      {.threads = arguments.request_threads, .queue_max = 4096, .name = "request", .nice = 0});
  http::Server server(arguments.server, router, pool, [&metrics](const auto& record) {
    metrics.record(record);
    log_request(record);
  });
  SLUICE_CHECK(server.start());
  fmt::print(stderr, "open: no authentication, on loopback only\n");
  fmt::print(stderr, "listening on http://{}:{}{}\n",
             address.host.find(':') == std::string::npos ? address.host : "[" + address.host + "]",
             server.port(), api::kFhirPath);
  std::fflush(stderr);

  const int signal = signals.wait();
  spdlog::info("stopping signal={}", signal);
  server.stop();
  engine.stop();
  pool.stop();
  spdlog::info("stopped");
  return 0;
}

void add_limits(CLI::App& command, ServeArguments& arguments) {
  add_option(command, "max-jobs", arguments.engine.jobs_max, "Running exports, of all clients")
      ->check(CLI::Range(1, 100'000));
  add_option(command, "max-jobs-per-client", arguments.engine.jobs_per_client_max,
             "Running exports of one client")
      ->check(CLI::Range(1, 100'000));
  add_option(command, "max-connections", arguments.server.connections_max, "Open connections")
      ->check(CLI::Range(1, 1'000'000));
  add_option(command, "max-body-size", arguments.server.body_size_max,
             "Bytes of a request body; 64MB style units are understood")
      ->transform(CLI::AsSizeValue(false));
  add_option(command, "header-timeout", arguments.header_timeout,
             "Seconds a client has for a request's header")
      ->check(CLI::Range(1, 3600));
  add_option(command, "idle-timeout", arguments.idle_timeout, "Seconds between two requests")
      ->check(CLI::Range(1, 3600));
  add_option(command, "retry-after-max", arguments.retry_after_max,
             "Most seconds that a polling client is asked to wait")
      ->check(CLI::Range(1, 86400));
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
  add_option(*command, "data", arguments->data, "The data folder; created when missing");
  add_option(*command, "listen", arguments->listen, "HOST:PORT; port 0 takes a free one");
  add_switch(*command, "open", arguments->open, "Serve without authentication, on loopback only");
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
  add_switch(*command, "require-respond-async", arguments->service.require_respond_async,
             "Refuse kick-offs without Prefer: respond-async");
  add_option(*command, "cors-origin", arguments->server.cors_origins,
             "Origin that browsers may call from, or *; may be repeated");
  add_option(*command, "trusted-proxy", arguments->server.trusted_proxies,
             "IP address whose X-Forwarded-* headers count; may be repeated");
  add_option(*command, "log-level", arguments->log_level, "trace, debug, info, warn, error, off")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  add_limits(*command, *arguments);
  return {command, [arguments] { return run_serve(*arguments); }};
}

}  // namespace sluice::cli
