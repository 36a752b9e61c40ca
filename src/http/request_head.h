// The bytes of a request's head, judged before any parser reads them: where it ends, and whether it
// is written so that no two readers can disagree on it (RFC 9112 11.2, request smuggling). Internal
// to http; apart because Beast's parser alone is more forgiving than a server may be.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace sluice::http {

/// A request that is answered without a handler: the exact status, and the error for the responder.
struct Refusal {
  int status = 400;
  Error error;
};

Refusal bad_request(std::string message);
Refusal too_large(int status, std::string message);

/// Finds the end of a head in bytes that arrive piece by piece.
class HeadScanner {
 public:
  enum class State { kMore, kComplete, kMalformed };

  /// `received` is everything since the head's first byte; it may only grow between calls. Line
  /// ends other than CRLF and control characters are kMalformed as soon as they are seen.
  State scan(std::string_view received);
  /// After kComplete: the size of the head with its empty line.
  std::size_t head_size() const { return position_; }
  /// Whether the request line is complete.
  bool has_request_line() const { return lines_ > 0; }

 private:
  std::size_t position_ = 0;    // everything before was scanned
  std::size_t line_begin_ = 0;  // where the current line starts
  std::size_t lines_ = 0;
};

/// Judges the lines of a complete head (as of HeadScanner): request line of three parts, known
/// method (501), version (505), field lines of token, colon and value, no folding.
std::optional<Refusal> check_lines(std::string_view head);

/// Judges the parsed fields: framing (Content-Length, Transfer-Encoding), Host, Expect.
std::optional<Refusal> check_fields(const Headers& headers, bool http_1_0);

}  // namespace sluice::http
