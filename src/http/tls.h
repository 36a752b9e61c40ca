// The server's TLS: certificate, key and the authorities of client certificates, which can be
// replaced while it runs.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::http {

/// All files are PEM.
struct TlsOptions {
  std::string certificate;         ///< the server's, followed by its chain
  std::string key;                 ///< its private key, without a passphrase
  std::string client_authorities;  ///< sign client certificates; empty: none requested
  /// Connections without a certificate of the authorities are refused (mutual TLS).
  bool client_certificate_required = false;
};

/// TLS 1.2 and 1.3 with forward secrecy and authenticated encryption only; ALPN http/1.1.
/// Thread-safe.
class TlsContexts {
 public:
  /// kInvalid with the file's name when a file is missing, is no PEM or does not fit the others.
  static Result<std::shared_ptr<TlsContexts>> load(TlsOptions options);

  /// For a new connection.
  std::shared_ptr<boost::asio::ssl::context> current() const;
  /// Reads the files again, for new connections; existing ones stay. On an error the earlier files
  /// stay in use.
  Result<void> reload();
  /// reload() if a file's time or size differs from when it was read last; whether it did.
  Result<bool> reload_if_changed();

 private:
  using Stamp = std::vector<std::pair<std::filesystem::file_time_type, std::uintmax_t>>;

  explicit TlsContexts(TlsOptions options) : options_(std::move(options)) {}
  Stamp stamp() const;

  const TlsOptions options_;
  mutable std::mutex mutex_;
  std::shared_ptr<boost::asio::ssl::context> current_;  // guarded by mutex_
  Stamp stamp_;                                         // guarded by mutex_
};

}  // namespace sluice::http
