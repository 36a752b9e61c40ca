// Range requests (RFC 9110 14): single ranges with If-Range (F-03).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/message.h"

namespace sluice::http {

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// What a GET or HEAD of a representation has to send.
struct RangeDecision {
  int status = 200;  ///< 200 whole, 206 part, 304 not modified, 412 precondition failed, 416
  ByteRange range;   ///< what to send for 200 and 206
};

/// Applies Range, If-Range, If-None-Match, If-Match, If-Modified-Since, If-Unmodified-Since in the
/// precedence of RFC 9110 13.2.2. `etag` with its quotes, strong. A malformed Range and several
/// ranges are ignored (200), an unsatisfiable one is 416.
RangeDecision decide_range(const Request& request, std::string_view etag, Instant last_modified,
                           std::uint64_t size);

/// Sets Content-Range for 206 and 416, Accept-Ranges, ETag and Last-Modified on `response` and its
/// status; Content-Length is the server's business.
void apply_range(const RangeDecision& decision, std::string_view etag, Instant last_modified,
                 std::uint64_t size, Response& response);

/// Whether Accept-Encoding lets us send gzip (RFC 9110 12.5.3: q=0 refuses, "*" counts, absent:
/// no).
bool accepts_gzip(const Request& request);

}  // namespace sluice::http
