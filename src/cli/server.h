// The running server, made of its parts: store, files, jobs, authorization, endpoints, HTTP, the
// control socket. `sluice serve` runs one, and so do tests.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "api/core/authorization.h"
#include "api/core/service.h"
#include "api/routes/metrics.h"
#include "base/instant.h"
#include "base/result.h"
#include "bulk/export/plan/export_plan.h"
#include "cli/address.h"
#include "cli/import_service.h"
#include "fetch/fetch.h"
#include "http/router.h"
#include "http/server.h"
#include "http/tls.h"
#include "job/engine.h"
#include "store/store.h"

namespace sluice::cli {

/// The options of a server. Options that several parts share are given once: base URL, metrics,
/// retention of history, threads.
struct ServerOptions {
  std::filesystem::path data;                 ///< the data folder; created when missing
  Address address{"127.0.0.1", 0};            ///< port 0: a free one
  std::optional<Address> health_address;      ///< also answers /healthz and /readyz
  bool open = false;                          ///< without authorization
  std::optional<http::TlsOptions> tls;        ///< nullopt: plain HTTP
  std::size_t request_threads = 8;            ///< half of them take long requests
  std::chrono::seconds cohort_refresh{3600};  ///< 0: members are found at each export
  http::ServerOptions http;
  job::EngineOptions engine;
  bulk::ExportSizes sizes;
  ImportArguments import;
  api::ServiceOptions service;
  api::AuthorizationOptions authorization;
  client::FetchOptions jwks_fetch;
};

/// Its parts live as long as it does.
class Server {
 public:
  /// Opens the data folder, makes it readable by its owner only, and binds the addresses. Only the
  /// control socket runs then. `clock` must outlive the server. Errors: kConflict when another
  /// process has the data folder, kStorage when an address is in use, kInvalid for certificates
  /// and folders.
  static Result<std::unique_ptr<Server>> open(ServerOptions options, const Clock& clock);
  /// Recovers the jobs and begins to answer.
  Result<void> start();
  /// Stops accepting, lets requests end, interrupts shards, closes the store. Idempotent.
  void stop();
  ~Server();

  /// Work about once a minute: keys, and jobs of removed clients.
  void maintain();

  /// "http://127.0.0.1:8080", as far as the server knows its own address.
  const std::string& origin() const;
  std::optional<std::uint16_t> health_port() const;
  http::TlsContexts* tls();  ///< nullptr: plain HTTP

  store::Store& store();
  job::Engine& engine();
  const http::Router& router() const;
  const api::ServerMetrics& metrics() const;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::cli
