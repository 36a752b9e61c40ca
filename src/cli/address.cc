#include "cli/address.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>

namespace sluice::cli {

Result<Address> parse_address(std::string_view option, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const Error bad = invalid(fmt::format("serve: {} '{}' is not HOST:PORT", option, text));
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

std::string url_host(const Address& address) {
  return address.host.find(':') == std::string::npos ? address.host : "[" + address.host + "]";
}

}  // namespace sluice::cli
