#include "http/tls.h"

#include <fmt/format.h>
#include <openssl/decodererr.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace sluice::http {

namespace ssl = boost::asio::ssl;

namespace {

// ECDHE with AES-GCM or ChaCha20, what OWASP and Mozilla call "intermediate" without DHE.
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr unsigned char kProtocols[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
constexpr unsigned char kSessionContext[] = "sluice";

// What OpenSSL says of its first error, for people.
std::string why_refused(unsigned long code) {
  if (code == 0) return "it cannot be used";
  if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(ERR_GET_REASON(code));
  const int library = ERR_GET_LIB(code);
  const int reason = ERR_GET_REASON(code);
  if (library == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE) return "it holds none in PEM";
  if (library == ERR_LIB_OSSL_DECODER || reason == ERR_R_UNSUPPORTED)
    return "it holds none in PEM that can be read";
  if (library == ERR_LIB_X509 && reason == X509_R_KEY_VALUES_MISMATCH)
    return "it does not belong to the certificate";
  const char* text = ERR_reason_error_string(code);
  return text == nullptr ? fmt::format("error {:x}", code) : text;
}

Error failure(std::string_view what, const std::string& file) {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  return invalid(fmt::format("TLS: cannot use {} '{}': {}", what, file, why_refused(code)));
}

// OpenSSL asks for the passphrase of an encrypted key; without this, at the terminal.
int refuse_passphrase(char*, int, int, void* is_encrypted) {
  *static_cast<bool*>(is_encrypted) = true;
  return -1;
}

Result<void> use_key(SSL_CTX* context, const std::string& file) {
  bool is_encrypted = false;
  SSL_CTX_set_default_passwd_cb(context, refuse_passphrase);
  SSL_CTX_set_default_passwd_cb_userdata(context, &is_encrypted);
  const bool is_used = SSL_CTX_use_PrivateKey_file(context, file.c_str(), SSL_FILETYPE_PEM) == 1 &&
                       SSL_CTX_check_private_key(context) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  SSL_CTX_set_default_passwd_cb(context, nullptr);
  if (is_used) return {};
  auto error = failure("key", file);
  if (is_encrypted) error.message = fmt::format("TLS: cannot use key '{}': it is encrypted", file);
  return error;
}

// A client that asks for protocols gets http/1.1 or, without it among them, an alert (RFC 7301).
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
  unsigned char* chosen = nullptr;
  const int status =
      SSL_select_next_proto(&chosen, out_size, kProtocols, sizeof kProtocols, in, in_size);
  if (status != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Result<std::shared_ptr<ssl::context>> make_context(const TlsOptions& options) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const raw = context->native_handle();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // A client that closes without a close_notify has its answer all the same.
  SSL_CTX_set_options(raw, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cipher_list(raw, kCiphers);
  SSL_CTX_set_session_id_context(raw, kSessionContext, sizeof kSessionContext - 1);
  SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(raw, options.certificate.c_str()) != 1)
    return failure("certificate", options.certificate);
  SLUICE_RETURN_IF_ERROR(use_key(raw, options.key));
  if (options.client_authorities.empty()) {
    if (options.client_certificate_required)
      return invalid("TLS: client certificates are required but no authorities are given");
    return context;
  }
  if (SSL_CTX_load_verify_locations(raw, options.client_authorities.c_str(), nullptr) != 1)
    return failure("client authorities", options.client_authorities);
  SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(options.client_authorities.c_str()));
  SSL_CTX_set_verify(
      raw,
      SSL_VERIFY_PEER | (options.client_certificate_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
      nullptr);
  return context;
}

}  // namespace

Result<std::shared_ptr<TlsContexts>> TlsContexts::load(TlsOptions options) {
  std::shared_ptr<TlsContexts> contexts(new TlsContexts(std::move(options)));
  SLUICE_RETURN_IF_ERROR(contexts->reload());
  return contexts;
}

std::shared_ptr<ssl::context> TlsContexts::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

TlsContexts::Stamp TlsContexts::stamp() const {
  Stamp stamp;
  for (const auto* file : {&options_.certificate, &options_.key, &options_.client_authorities}) {
    std::error_code ignored;  // a file that is missing just now differs from one that was there
    stamp.emplace_back(std::filesystem::last_write_time(*file, ignored),
                       std::filesystem::file_size(*file, ignored));
  }
  return stamp;
}

Result<void> TlsContexts::reload() {
  // Before reading: a file that changes meanwhile differs from its stamp and is read again.
  const Stamp stamp_now = stamp();
  auto context = make_context(options_);
  const std::lock_guard lock(mutex_);
  // Also after an error, so that it is told once for each change.
  stamp_ = stamp_now;
  if (!context) return context.error();
  current_ = std::move(*context);
  return {};
}

Result<bool> TlsContexts::reload_if_changed() {
  {
    const Stamp stamp_now = stamp();
    const std::lock_guard lock(mutex_);
    if (stamp_now == stamp_) return false;
  }
  SLUICE_RETURN_IF_ERROR(reload());
  return true;
}

}  // namespace sluice::http
