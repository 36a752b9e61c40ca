#include "http/response_head.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <iterator>

#include "base/instant.h"
#include "http/text.h"

namespace sluice::http {
namespace {

bool is_ours(std::string_view name) {
  constexpr std::array<std::string_view, 6> kOurs = {
      "Content-Length", "Transfer-Encoding", "Connection", "Date", "Server", "X-Request-Id"};
  for (const std::string_view ours : kOurs)
    if (iequals(name, ours)) return true;
  return false;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (const char c : value) out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
  out += "\r\n";
}

/// The Date field's value changes once a second, and making it is dearer than the rest of the head.
std::string_view date_now() {
  thread_local std::time_t second = 0;
  thread_local std::string text;
  if (const std::time_t now = std::time(nullptr); now != second) {
    second = now;
    text = to_http_date(Instant{static_cast<std::int64_t>(now) * 1000});
  }
  return text;
}

}  // namespace

ResponseFrame frame_of(const Response& response, bool http_1_0, bool keep_alive) {
  ResponseFrame frame{Framing::kLength, 0, keep_alive, http_1_0};
  if (response.status == 204 || response.status == 304) {
    frame.framing = Framing::kNone;
  } else if (const auto* text = std::get_if<std::string>(&response.body)) {
    frame.length = text->size();
  } else if (const auto* shared = std::get_if<SharedText>(&response.body)) {
    frame.length = shared->view().size();
  } else {
    const auto& stream = std::get<StreamBody>(response.body);
    if (stream.length) {
      frame.length = *stream.length;
    } else if (http_1_0) {
      frame.framing = Framing::kUntilClose;
      frame.keep_alive = false;
    } else {
      frame.framing = Framing::kChunked;
    }
  }
  return frame;
}

std::string write_head(const Response& response, const ResponseFrame& frame,
                       std::string_view server_name, std::string_view request_id) {
  std::string out;
  out.reserve(512);
  // The version says what we speak, not what was asked in (RFC 9110 6.2).
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status,
                 reason_phrase(response.status));
  append_field(out, "Date", date_now());
  if (!server_name.empty()) append_field(out, "Server", server_name);
  for (const auto& [name, value] : response.headers.all())
    if (is_token(name) && !is_ours(name)) append_field(out, name, value);
  if (frame.framing == Framing::kLength)
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", frame.length);
  if (frame.framing == Framing::kChunked) append_field(out, "Transfer-Encoding", "chunked");
  if (!frame.keep_alive) {
    append_field(out, "Connection", "close");
  } else if (frame.http_1_0) {
    append_field(out, "Connection", "keep-alive");
  }
  append_field(out, "X-Request-Id", request_id);
  out += "\r\n";
  return out;
}

}  // namespace sluice::http
