#include "http/own_hosts.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <utility>

#include "http/forwarded.h"
#include "http/text.h"

namespace sluice::http {
namespace {

constexpr std::size_t kShownMax = 128;

/// "example.org:80", "[::1]:80" without port and brackets; an address in its canonical spelling.
std::string host_of(std::string_view authority) {
  std::string_view host = authority;
  if (host.starts_with('[')) {
    const std::size_t close = host.find(']');
    if (close == std::string_view::npos) return {};
    host = host.substr(1, close - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  if (std::string address = canonical_address(host); !address.empty()) return address;
  if (host.ends_with('.')) host.remove_suffix(1);  // The root's dot names the same host.
  return std::string(host);
}

std::string_view authority_of(std::string_view origin) {
  const std::size_t separator = origin.find("://");
  return separator == std::string_view::npos ? std::string_view() : origin.substr(separator + 3);
}

bool is_loopback(const std::string& host) {
  if (iequals(host, "localhost")) return true;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  return !error && address.is_loopback();
}

}  // namespace

OwnHosts::OwnHosts(std::optional<std::vector<std::string>> names,
                   std::vector<std::string> cors_origins)
    : names_(std::move(names)), cors_origins_(std::move(cors_origins)) {}

bool OwnHosts::is_own(std::string_view authority, std::string_view local_host) const {
  const std::string host = host_of(authority);
  if (host.empty()) return false;
  if (is_loopback(host) || host == host_of(local_host)) return true;
  return std::any_of(names_->begin(), names_->end(),
                     [&](const auto& name) { return iequals(host_of(name), host); });
}

bool OwnHosts::may_ask(const Request& request, std::string_view local_host) const {
  const auto listed = [&](std::string_view origin) {
    return std::any_of(cors_origins_.begin(), cors_origins_.end(),
                       [&](const auto& allowed) { return allowed == "*" || allowed == origin; });
  };
  if (const auto origin = request.headers.get("Origin"))
    return listed(*origin) || is_own(authority_of(*origin), local_host) ||
           authority_of(*origin) == authority_of(request.origin);
  // Images and the like come without Origin. A link that a user follows changes nothing unseen.
  const auto site = request.headers.get("Sec-Fetch-Site");
  const auto mode = request.headers.get("Sec-Fetch-Mode");
  return !site || *site != "cross-site" || (mode && *mode == "navigate") || listed("*");
}

std::optional<Refusal> OwnHosts::check(const Request& request, std::string_view local_host) const {
  if (!names_) return std::nullopt;
  const std::string_view authority = authority_of(request.origin);
  if (!is_own(authority, local_host))
    return Refusal{421,
                   {ErrorKind::kUnsupported,
                    "an open server does not answer to the name '" +
                        std::string(authority.substr(0, kShownMax)) +
                        "': only to loopback names, the address that it listens on and the host of "
                        "--base-url"}};
  // A preflight changes nothing, and its answer says who may ask.
  if (request.method != "OPTIONS" && !may_ask(request, local_host))
    return Refusal{403,
                   {ErrorKind::kForbidden,
                    "a page of another origin may not ask an open server: --cors-origin names "
                    "those that may"}};
  return std::nullopt;
}

}  // namespace sluice::http
