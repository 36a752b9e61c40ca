#include "http/request_head.h"

#include <algorithm>
#include <array>
#include <utility>

#include "http/target.h"
#include "http/text.h"

namespace sluice::http {
namespace {

constexpr std::array<std::string_view, 7> kMethods = {"GET",   "HEAD",   "POST",   "PUT",
                                                      "PATCH", "DELETE", "OPTIONS"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<Refusal> check_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last || first == 0 || last == first + 1)
    return bad_request("the request line is not 'method target version'");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (target.find_first_of(" \t") != std::string_view::npos || !is_token(method))
    return bad_request("the request line is not 'method target version'");
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7]))
    return bad_request("the request line does not end with an HTTP version");
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return Refusal{505, {ErrorKind::kUnsupported, "only HTTP/1.1 and HTTP/1.0 are spoken here"}};
  if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end())
    return Refusal{501, {ErrorKind::kUnsupported, "the request method is not known"}};
  return std::nullopt;
}

std::optional<Refusal> check_field_line(std::string_view line) {
  if (line[0] == ' ' || line[0] == '\t') return bad_request("a header field is folded");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return bad_request("a header line is not 'name: value'");
  return std::nullopt;
}

}  // namespace

Refusal bad_request(std::string message) {
  return {400, invalid(std::move(message))};
}

Refusal too_large(int status, std::string message) {
  return {status, {ErrorKind::kTooLarge, std::move(message)}};
}

HeadScanner::State HeadScanner::scan(std::string_view received) {
  while (position_ < received.size()) {
    const auto c = static_cast<unsigned char>(received[position_]);
    if (c == '\r') {
      if (position_ + 1 == received.size()) return State::kMore;
      if (received[position_ + 1] != '\n') return State::kMalformed;
      const bool empty = position_ == line_begin_;
      position_ += 2;
      line_begin_ = position_;
      if (empty) return lines_ > 0 ? State::kComplete : State::kMalformed;
      ++lines_;
      continue;
    }
    if ((c < 0x20 && c != '\t') || c == 0x7f) return State::kMalformed;
    ++position_;
  }
  return State::kMore;
}

std::optional<Refusal> check_lines(std::string_view head) {
  std::size_t end = head.find("\r\n");
  if (auto refusal = check_request_line(head.substr(0, end))) return refusal;
  while (true) {
    head.remove_prefix(end + 2);
    end = head.find("\r\n");
    if (end == 0 || end == std::string_view::npos) return std::nullopt;
    if (auto refusal = check_field_line(head.substr(0, end))) return refusal;
  }
}

std::optional<Refusal> check_fields(const Headers& headers, bool http_1_0) {
  const std::size_t lengths = headers.count("Content-Length");
  const std::size_t codings = headers.count("Transfer-Encoding");
  if (lengths > 0 && codings > 0)
    return bad_request("both Content-Length and Transfer-Encoding are given");
  // Repeated equal lengths could be merged; no honest client sends them.
  if (lengths > 1) return bad_request("Content-Length is given more than once");
  if (lengths == 1) {
    const std::string_view value = *headers.get("Content-Length");
    if (value.empty() || value.size() > 19 || !std::all_of(value.begin(), value.end(), is_digit))
      return bad_request("Content-Length is not a number");
  }
  if (codings > 0) {
    if (http_1_0) return bad_request("HTTP/1.0 has no Transfer-Encoding");
    if (codings > 1) return bad_request("Transfer-Encoding is given more than once");
    const std::string_view value = *headers.get("Transfer-Encoding");
    if (!iequals(value, "chunked")) {
      const auto list = split_list(value);
      if (list.empty() || !iequals(list.back(), "chunked"))
        return bad_request("the last transfer coding is not 'chunked'");
      return Refusal{501, {ErrorKind::kUnsupported, "only the transfer coding 'chunked' is known"}};
    }
  }
  const std::size_t hosts = headers.count("Host");
  if (hosts > 1) return bad_request("Host is given more than once");
  if (hosts == 0 && !http_1_0) return bad_request("Host is missing");
  if (const auto host = headers.get("Host"); host && !host->empty() && !is_valid_host(*host))
    return bad_request("Host is malformed");
  if (const auto expect = headers.get("Expect"); expect && !iequals(*expect, "100-continue"))
    return Refusal{417, {ErrorKind::kUnsupported, "only the expectation '100-continue' is known"}};
  return std::nullopt;
}

}  // namespace sluice::http
