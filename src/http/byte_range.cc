#include "http/byte_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "http/text.h"

namespace sluice::http {
namespace {

constexpr std::uint64_t kUint64Max = std::numeric_limits<std::uint64_t>::max();

/// Only digits; a number beyond 64 bits is as good as the largest.
std::optional<std::uint64_t> parse_position(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = value > (kUint64Max - digit) / 10 ? kUint64Max : value * 10 + digit;
  }
  return value;
}

/// The strong comparison (RFC 9110 8.8.3.2) fails for weak tags, the weak one ignores the "W/".
bool etag_matches(std::string_view tag, std::string_view etag, bool strong) {
  if (tag.starts_with("W/")) {
    if (strong) return false;
    tag.remove_prefix(2);
  }
  return tag == etag;
}

bool any_etag_matches(std::string_view list, std::string_view etag, bool strong) {
  if (trim(list) == "*") return true;
  const auto tags = split_list(list);
  return std::any_of(tags.begin(), tags.end(),
                     [&](std::string_view tag) { return etag_matches(tag, etag, strong); });
}

/// HTTP dates have seconds: what was changed within the second of the date counts as not later.
std::int64_t whole_seconds(Instant instant) {
  const std::int64_t seconds = instant.milliseconds / 1000;
  return instant.milliseconds % 1000 < 0 ? seconds - 1 : seconds;
}

std::optional<std::int64_t> date_of(const Request& request, std::string_view name) {
  const auto text = request.headers.get(name);
  if (!text) return std::nullopt;
  const auto date = parse_http_date(*text);
  // A date that cannot be read is as if it were not there (RFC 9110 13.1.3, 13.1.4).
  if (!date) return std::nullopt;
  return whole_seconds(*date);
}

bool if_range_holds(const Request& request, std::string_view etag, Instant last_modified) {
  const auto condition = request.headers.get("If-Range");
  if (!condition) return true;
  if (condition->starts_with('"') || condition->starts_with("W/"))
    return etag_matches(*condition, etag, true);
  const auto date = parse_http_date(*condition);
  return date && whole_seconds(*date) == whole_seconds(last_modified);
}

/// 200, 304 or 412 by the conditions of RFC 9110 13.2.2, steps 1 to 4.
int precondition_status(const Request& request, std::string_view etag, Instant last_modified) {
  const std::int64_t modified = whole_seconds(last_modified);
  if (request.headers.count("If-Match") > 0) {
    if (!any_etag_matches(request.headers.combined("If-Match"), etag, true)) return 412;
  } else if (const auto date = date_of(request, "If-Unmodified-Since"); date && modified > *date) {
    return 412;
  }
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (request.headers.count("If-None-Match") > 0) {
    if (any_etag_matches(request.headers.combined("If-None-Match"), etag, false))
      return reads ? 304 : 412;
  } else if (const auto date = date_of(request, "If-Modified-Since");
             reads && date && modified <= *date) {
    return 304;
  }
  return 200;
}

RangeDecision decide_by_range_header(std::string_view header, std::uint64_t size) {
  const RangeDecision whole{200, {0, size}};
  const RangeDecision unsatisfiable{416, {}};
  const std::size_t equals = header.find('=');
  if (equals == std::string_view::npos || !iequals(trim(header.substr(0, equals)), "bytes"))
    return whole;
  const auto specs = split_list(header.substr(equals + 1));
  if (specs.size() != 1) return whole;
  const std::size_t dash = specs[0].find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view first_text = specs[0].substr(0, dash);
  const std::string_view last_text = specs[0].substr(dash + 1);

  if (first_text.empty()) {
    const auto suffix = parse_position(last_text);
    if (!suffix) return whole;
    if (*suffix == 0) return unsatisfiable;
    // Satisfiable by RFC 9110 14.1.2, but no Content-Range can say "nothing of nothing".
    if (size == 0) return whole;
    const std::uint64_t length = std::min(*suffix, size);
    return {206, {size - length, length}};
  }
  const auto first = parse_position(first_text);
  const auto last = last_text.empty() ? kUint64Max : parse_position(last_text);
  if (!first || !last || *first > *last) return whole;
  if (*first >= size) return unsatisfiable;
  return {206, {*first, std::min(*last, size - 1) - *first + 1}};
}

/// The quality of one element of Accept-Encoding in thousandths; nullopt when it cannot be read.
std::optional<int> quality_of(std::string_view parameters) {
  parameters = trim(parameters);
  if (parameters.empty()) return 1000;
  if (parameters.size() < 3 || (parameters[0] != 'q' && parameters[0] != 'Q')) return std::nullopt;
  parameters = trim(parameters.substr(1));
  if (!parameters.starts_with('=')) return std::nullopt;
  const std::string_view value = trim(parameters.substr(1));
  if (value.empty() || value.size() > 5 || (value[0] != '0' && value[0] != '1'))
    return std::nullopt;
  if (value.size() > 1 && value[1] != '.') return std::nullopt;
  int quality = (value[0] - '0') * 1000;
  int weight = 100;
  for (const char c : value.substr(std::min<std::size_t>(2, value.size()))) {
    if (c < '0' || c > '9') return std::nullopt;
    quality += (c - '0') * weight;
    weight /= 10;
  }
  return quality <= 1000 ? std::optional(quality) : std::nullopt;
}

}  // namespace

RangeDecision decide_range(const Request& request, std::string_view etag, Instant last_modified,
                           std::uint64_t size) {
  const int status = precondition_status(request, etag, last_modified);
  if (status != 200) return {status, {}};
  const RangeDecision whole{200, {0, size}};
  // Ranges are defined for GET alone; with any other method the header is ignored (RFC 9110 14.2).
  if (request.method != "GET" || request.headers.count("Range") != 1) return whole;
  if (!if_range_holds(request, etag, last_modified)) return whole;
  return decide_by_range_header(*request.headers.get("Range"), size);
}

void apply_range(const RangeDecision& decision, std::string_view etag, Instant last_modified,
                 std::uint64_t size, Response& response) {
  response.status = decision.status;
  response.headers.set("Accept-Ranges", "bytes");
  response.headers.set("ETag", std::string(etag));
  response.headers.set("Last-Modified", to_http_date(last_modified));
  if (decision.status == 206) {
    const ByteRange& range = decision.range;
    response.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", range.offset,
                                                      range.offset + range.length - 1, size));
  } else if (decision.status == 416) {
    response.headers.set("Content-Range", fmt::format("bytes */{}", size));
  }
}

bool accepts_gzip(const Request& request) {
  std::optional<int> gzip;
  std::optional<int> any;
  const std::string header = request.headers.combined("Accept-Encoding");
  for (const std::string_view element : split_list(header)) {
    const std::size_t semicolon = element.find(';');
    const std::string_view coding = trim(element.substr(0, semicolon));
    const auto quality = semicolon == std::string_view::npos
                             ? std::optional(1000)
                             : quality_of(element.substr(semicolon + 1));
    // What cannot be read asks for nothing; identity is always understood.
    if (!quality) continue;
    if (iequals(coding, "gzip") || iequals(coding, "x-gzip")) gzip = quality;
    if (coding == "*") any = quality;
  }
  return gzip.value_or(any.value_or(0)) > 0;
}

}  // namespace sluice::http
