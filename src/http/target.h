// Parses the request target: path segments, query, authority (RFC 9112 3.2). A header of its own
// because it is pure and fuzzed; also for requests within a batch.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"

namespace sluice::http {

struct Target {
  std::string scheme;     ///< of the absolute form, lower case; else empty
  std::string authority;  ///< of the absolute form; else empty
  std::string path;       ///< "/a/b" as sent, or "*"
  std::vector<std::string> segments;
  std::string raw_query;
  NameValues query;
};

/// The segments of `path`, each percent-decoded once: "/a%2Fb/" gives "a/b" and "". kInvalid for a
/// path without leading '/', for bad escapes and for ".." (also written "%2e%2e").
Result<std::vector<std::string>> split_path(std::string_view path);

/// Reads the origin form, the absolute form (http and https) and, for OPTIONS, "*". kInvalid else.
Result<Target> parse_target(std::string_view method, std::string_view target);

/// Whether `host` is valid in a Host header: name, IPv4 or [IPv6], optional port. Strict, because
/// it is copied into URLs of answers.
bool is_valid_host(std::string_view host);

}  // namespace sluice::http
