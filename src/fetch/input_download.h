// A large file of another server onto the disk, guarded as fetch() is, and taken up again where it
// was cut. Apart from fetch(), which holds small answers in memory.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace sluice::client {

struct DownloadLimits {
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::seconds stall_timeout{30};  ///< without a byte, before a try is given up
  std::chrono::seconds timeout = std::chrono::hours(24);  ///< for all of it
  std::uint64_t size_max = std::uint64_t{1} << 40;
  unsigned attempts_max = 5;                   ///< in a row that bring nothing
  std::chrono::milliseconds retry_delay{500};  ///< doubled with each of them
  /// Private, loopback and link-local addresses, and http to them. For tests and closed networks.
  bool allow_private = false;
  std::string user_agent = "Sluice";
  std::string authority_file;  ///< PEM file of the authorities trusted; empty: the system's
};

/// The part of a file on disk, and whether the rest can be requested.
struct PartialFile {
  std::uint64_t received = 0;
  std::string validator = {};  ///< strong ETag or Last-Modified; empty: not to be continued
  std::optional<std::uint64_t> total = std::nullopt;
};

/// Downloads `url` into `fd`, which holds `file.received` bytes of it; the body's bytes as they are
/// sent, gzip included. Cut connections and 429, 502, 503 and 504 are tried again, with Range and
/// If-Range if the server gave a validator; redirects are not followed. Calls `on_progress`
/// repeatedly; its error ends the download. kInvalid for a URL of the wrong scheme, kForbidden
/// for an address that is not public, kTooLarge, kTimeout, kUnsupported for a Content-Encoding
/// other than gzip, kCancelled, kStorage, kUnavailable else. Messages name the URL without its
/// query. Blocks.
Result<void> download_input(const std::string& url, int fd, PartialFile& file,
                            const DownloadLimits& limits, const std::stop_token& stop,
                            const std::function<Result<void>(const PartialFile&)>& on_progress);

}  // namespace sluice::client
