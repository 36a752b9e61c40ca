// The client's address and URL when a proxy is in front (X-Forwarded-*). Internal to http; a header
// of its own because believing these fields from the wrong peer is a security hole.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace sluice::http {

/// `address` in its canonical spelling, IPv4 also for "::ffff:a.b.c.d"; empty when it is no
/// address.
std::string canonical_address(std::string_view address);

class TrustedProxies {
 public:
  /// Ignores entries of `addresses` that are not IP addresses.
  explicit TrustedProxies(const std::vector<std::string>& addresses);

  /// From a trusted peer: X-Forwarded-For becomes request.peer_address (the last hop that is not a
  /// trusted proxy itself), X-Forwarded-Proto and -Host change request.origin. Otherwise nothing.
  /// Both must be set from the connection before.
  void apply(Request& request) const;

 private:
  bool trusts(std::string_view address) const;

  std::vector<std::string> addresses_;
};

}  // namespace sluice::http
