// The bytes of a response's head: status line, the fields that are the server's business, the
// handler's fields made harmless. Internal to http.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace sluice::http {

enum class Framing { kNone, kLength, kChunked, kUntilClose };

struct ResponseFrame {
  Framing framing = Framing::kNone;
  std::uint64_t length = 0;  ///< for kLength
  bool keep_alive = true;
  bool http_1_0 = false;
};

/// How `response` is delimited. 204 and 304 have no content; a stream of unknown length is chunked,
/// to an HTTP/1.0 client it ends with the connection.
ResponseFrame frame_of(const Response& response, bool http_1_0, bool keep_alive);

/// Status line and fields with the empty line. Fields that frame the message (Content-Length,
/// Transfer-Encoding, Connection) and Date, Server, X-Request-Id come from here, never from the
/// handler. Fields with impossible names are left out; CR, LF and NUL in values become spaces.
std::string write_head(const Response& response, const ResponseFrame& frame,
                       std::string_view server_name, std::string_view request_id);

}  // namespace sluice::http
