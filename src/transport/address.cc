#include "transport/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace sluice::transport {
namespace {

struct Network {
  std::array<unsigned char, 4> prefix;
  unsigned bits;
};

// What is not for the public Internet (RFC 6890 and its successors).
constexpr Network kReserved[] = {
    {{0, 0, 0, 0}, 8},      {{10, 0, 0, 0}, 8},     {{100, 64, 0, 0}, 10}, {{127, 0, 0, 0}, 8},
    {{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12},  {{192, 0, 0, 0}, 24},  {{192, 0, 2, 0}, 24},
    {{192, 88, 99, 0}, 24}, {{192, 168, 0, 0}, 16}, {{198, 18, 0, 0}, 15}, {{198, 51, 100, 0}, 24},
    {{203, 0, 113, 0}, 24}, {{224, 0, 0, 0}, 4},    {{240, 0, 0, 0}, 4},
};

bool is_public_v4(const unsigned char* bytes) {
  const auto number = [](const unsigned char* b) {
    return static_cast<unsigned>(b[0]) << 24 | static_cast<unsigned>(b[1]) << 16 |
           static_cast<unsigned>(b[2]) << 8 | static_cast<unsigned>(b[3]);
  };
  return std::none_of(std::begin(kReserved), std::end(kReserved), [&](const Network& network) {
    const unsigned mask = ~0u << (32 - network.bits);
    return (number(bytes) & mask) == (number(network.prefix.data()) & mask);
  });
}

bool is_public_v6(const unsigned char* bytes) {
  constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(bytes, kMapped, sizeof kMapped) == 0) return is_public_v4(bytes + 12);
  // NAT64 and 6to4 carry an IPv4 address of their own.
  constexpr unsigned char kNat64[12] = {0, 0x64, 0xff, 0x9b};
  if (std::memcmp(bytes, kNat64, sizeof kNat64) == 0) return is_public_v4(bytes + 12);
  // Teredo: an address of a relay, in which one of IPv4 is hidden.
  if (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0 && bytes[3] == 0) return false;
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return is_public_v4(bytes + 2);
  const bool is_documentation =
      bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0d && bytes[3] == 0xb8;
  // Global unicast is 2000::/3; everything else is loopback, local, multicast or reserved.
  return (bytes[0] & 0xe0) == 0x20 && !is_documentation;
}

}  // namespace

bool is_public_address(std::string_view address) {
  const std::string text(address);
  unsigned char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return is_public_v4(bytes);
  if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) return is_public_v6(bytes);
  return false;
}

bool is_public_address(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return is_public_v4(reinterpret_cast<const unsigned char*>(&v4.sin_addr));
  }
  if (address.sa_family == AF_INET6)
    return is_public_v6(reinterpret_cast<const sockaddr_in6&>(address).sin6_addr.s6_addr);
  return false;
}

}  // namespace sluice::transport
