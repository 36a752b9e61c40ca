// One HTTP request to another party's server, protected against access to private networks (SSRF).
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::client {

struct FetchOptions {
  std::chrono::milliseconds timeout{10'000};  ///< for all of it
  std::size_t size_max = 64u << 10;           ///< of the answer's body
  /// Private, loopback and link-local addresses, and http to them. For tests and closed networks.
  bool allow_private = false;
  std::string user_agent = "Sluice";
  std::string authority_file;  ///< PEM file of the authorities trusted; empty: the system's
  std::stop_token stop = {};   ///< ends it within about a second: kCancelled
};

struct FetchRequest {
  std::string method = "GET";
  std::vector<std::string> headers;  ///< "Name: value"
  std::string body;
};

struct Fetched {
  int status = 0;
  std::string body;
  std::optional<std::chrono::seconds> max_age;  ///< of Cache-Control; 0 for no-store and no-cache
};

/// Sends one request and returns the answer with any status. The name is resolved here and the
/// address that is connected to is the one that was checked. Redirects are not followed. kInvalid
/// for a URL that is not https (or http, where private addresses are allowed), kForbidden for an
/// address that is not public, kTooLarge, kTimeout, kCancelled, kUnavailable else. Blocks;
/// thread-safe.
Result<Fetched> send(const std::string& url, const FetchRequest& request,
                     const FetchOptions& options);
/// A GET whose status must be 200; kUnavailable otherwise.
Result<Fetched> fetch(const std::string& url, const FetchOptions& options);

}  // namespace sluice::client
