// What a request may do: stated as data by those who send requests, kept by the transport.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

struct sockaddr;

namespace sluice::transport {

/// Whether an address may be connected to. It is asked of the address that is connected to, not of
/// a name: what the name means cannot change between the question and the connection.
using AddressCheck = bool (*)(const sockaddr&);

/// Holds for every request: TLS 1.2 at least, no user names in URLs, no file of passwords, no
/// cookies.
struct Policy {
  std::string user_agent = "Sluice";
  std::string authority_file;  ///< PEM file of the authorities trusted; empty: the system's
  bool allows_http = false;    ///< besides https
  /// nullptr: any address. One that is refused ends the request, also where another of its name
  /// would do.
  AddressCheck may_connect = nullptr;
  /// The proxy that the environment names. A check of addresses would be asked of the proxy's: with
  /// one, no proxy is used.
  bool uses_proxy = false;
  std::chrono::milliseconds connect_timeout{10'000};
  /// Without a byte received, in whole seconds; 0: no limit.
  std::chrono::milliseconds stall_timeout{0};
  std::size_t headers_max = 64u << 10;  ///< bytes of an answer's header, interim ones included
  int redirects_max = 0;                ///< 0: an answer that redirects is the answer
};

}  // namespace sluice::transport
