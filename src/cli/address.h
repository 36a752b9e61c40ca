// Where a server listens, as options say it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::cli {

struct Address {
  std::string host;
  std::uint16_t port = 0;
};

/// "127.0.0.1:8080", "[::1]:8080", "localhost:8080". kInvalid names the option.
Result<Address> parse_address(std::string_view option, const std::string& text);
bool is_loopback(const std::string& host);
/// The host of a URL for what was listened on.
std::string url_host(const Address& address);

}  // namespace sluice::cli
