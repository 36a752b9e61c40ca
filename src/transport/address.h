// Addresses of the public Internet, told from those that lead into a network of one's own.
#pragma once

#include <string_view>

struct sockaddr;

namespace sluice::transport {

/// Whether an address, as inet_ntop writes it, is one of the public Internet (RFC 6890): not
/// private, loopback, link-local, reserved, nor an IPv6 address that carries such a one.
bool is_public_address(std::string_view address);
bool is_public_address(const sockaddr& address);

}  // namespace sluice::transport
