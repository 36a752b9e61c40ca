#include "http/forwarded.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "http/target.h"
#include "http/text.h"

namespace sluice::http {
namespace {

/// "192.0.2.1:4711" and "[2001:db8::1]:4711" without port and brackets.
std::string_view without_port(std::string_view hop) {
  if (hop.starts_with('[')) {
    const std::size_t close = hop.find(']');
    return close == std::string_view::npos ? hop : hop.substr(1, close - 1);
  }
  const std::size_t colon = hop.find(':');
  return colon != std::string_view::npos && colon == hop.rfind(':') ? hop.substr(0, colon) : hop;
}

/// The proxy next to us wrote the last element; those before it came from outside.
std::string last_of(const Headers& headers, std::string_view name) {
  const std::string all = headers.combined(name);
  const auto list = split_list(all);
  return list.empty() ? std::string() : std::string(list.back());
}

}  // namespace

std::string canonical_address(std::string_view address) {
  boost::system::error_code error;
  auto parsed = boost::asio::ip::make_address(std::string(address), error);
  if (error) return {};
  if (parsed.is_v6() && parsed.to_v6().is_v4_mapped())
    parsed = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, parsed.to_v6());
  return parsed.to_string();
}

TrustedProxies::TrustedProxies(const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses)
    if (std::string canonical = canonical_address(address); !canonical.empty())
      addresses_.push_back(std::move(canonical));
}

bool TrustedProxies::trusts(std::string_view address) const {
  return std::find(addresses_.begin(), addresses_.end(), address) != addresses_.end();
}

void TrustedProxies::apply(Request& request) const {
  if (!trusts(request.peer_address)) return;
  const std::string hops = request.headers.combined("X-Forwarded-For");
  auto list = split_list(hops);
  // From us outwards: a hop counts while everything nearer to us is trusted.
  while (!list.empty() && trusts(request.peer_address)) {
    std::string address = canonical_address(without_port(list.back()));
    if (address.empty()) break;
    request.peer_address = std::move(address);
    list.pop_back();
  }
  const std::size_t separator = request.origin.find("://");
  std::string scheme = request.origin.substr(0, separator);
  std::string host = request.origin.substr(separator + 3);
  const std::string proto = last_of(request.headers, "X-Forwarded-Proto");
  if (iequals(proto, "https")) scheme = "https";
  if (iequals(proto, "http")) scheme = "http";
  if (std::string given = last_of(request.headers, "X-Forwarded-Host"); is_valid_host(given))
    host = std::move(given);
  request.origin = scheme + "://" + host;
}

}  // namespace sluice::http
