// Certificates made while a test runs, and a client that speaks TLS.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::http {

/// Writes `name`.pem and `name`.key: a self-signed certificate for "localhost" with the common name
/// `name`.
void make_certificate(const std::filesystem::path& folder, const std::string& name);

/// One blocking TLS connection to 127.0.0.1.
class TlsClient {
 public:
  struct Options {
    std::string trusted;  ///< PEM file: the server's certificate
    std::string certificate;
    std::string key;
    int version_max = TLS1_3_VERSION;
    std::string protocol;  ///< of ALPN, at most 100 characters; empty: none is asked for
  };
  TlsClient(std::uint16_t port, const Options& options);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool is_connected() const { return connected_; }
  /// The common name in the server's certificate.
  std::string server_name() const;
  std::string chosen_protocol() const;
  /// Sends the bytes and reads to the end of the connection; use "Connection: close".
  std::string ask(std::string_view bytes) { return send(bytes) ? read_to_end() : std::string(); }
  bool send(std::string_view bytes);
  std::string read_to_end();

 private:
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  int socket_ = -1;
  bool connected_ = false;
};

}  // namespace sluice::http
