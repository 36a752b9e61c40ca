#include "client/http/authority_file.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "base/file.h"

namespace sluice::client {
namespace {

struct FreeOpenSsl {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};

bool is_no_start_line(unsigned long code) {
  return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

}  // namespace

Result<void> check_authority_file(std::string_view option, const std::string& path) {
  if (path.empty()) return {};
  const auto text = read_file(path);
  if (!text) return invalid(fmt::format("{}: {}", option, text.error().detail));
  const std::unique_ptr<BIO, FreeOpenSsl> bio(
      BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  std::size_t count = 0;
  ERR_clear_error();
  while (const std::unique_ptr<X509, FreeOpenSsl> certificate{
      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)})
    ++count;
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (!is_no_start_line(code))
    return invalid(fmt::format("{}: a certificate in '{}' cannot be read", option, path));
  if (count == 0) return invalid(fmt::format("{}: '{}' holds no certificate in PEM", option, path));
  return {};
}

}  // namespace sluice::client
