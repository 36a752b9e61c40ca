#include "http/target.h"

#include <algorithm>
#include <utility>

#include "http/text.h"

namespace sluice::http {
namespace {

bool is_name_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
         c == '.' || c == '_' || c == '~' || c == '%';
}

bool is_address_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f') || c == ':' ||
         c == '.';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Removes "http://" or "https://" from the front of `target`; the scheme, or empty.
std::string take_scheme(std::string_view& target) {
  for (const std::string_view scheme : {"http", "https"}) {
    const std::size_t size = scheme.size() + 3;
    if (target.size() < size || !iequals(target.substr(0, scheme.size()), scheme)) continue;
    if (target.substr(scheme.size(), 3) != "://") continue;
    target.remove_prefix(size);
    return std::string(scheme);
  }
  return {};
}

}  // namespace

bool is_valid_host(std::string_view host) {
  std::size_t name_end = 0;
  if (host.starts_with('[')) {
    const std::size_t close = host.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    const std::string_view address = host.substr(1, close - 1);
    if (!std::all_of(address.begin(), address.end(), is_address_char)) return false;
    name_end = close + 1;
  } else {
    while (name_end < host.size() && is_name_char(host[name_end])) ++name_end;
  }
  if (name_end == 0) return false;
  const std::string_view rest = host.substr(name_end);
  if (rest.empty()) return true;
  const std::string_view port = rest.substr(1);
  return rest[0] == ':' && port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit);
}

Result<std::vector<std::string>> split_path(std::string_view path) {
  if (!path.starts_with('/')) return invalid("the request target is not a path");
  std::vector<std::string> segments;
  path.remove_prefix(1);
  while (true) {
    const std::size_t end = path.find('/');
    SLUICE_ASSIGN_OR_RETURN(std::string segment, percent_decode(path.substr(0, end), false));
    if (segment.size() == 2 && segment.starts_with("..")) return invalid("the path contains '..'");
    segments.push_back(std::move(segment));
    if (end == std::string_view::npos) return segments;
    path.remove_prefix(end + 1);
  }
}

Result<Target> parse_target(std::string_view method, std::string_view target) {
  Target parsed;
  // '#' has no place in a request target, and dropping a fragment would change what is asked for.
  const bool printable =
      std::all_of(target.begin(), target.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!printable || target.find('#') != std::string_view::npos)
    return invalid("the request target contains characters that must be percent-encoded");
  if (target == "*") {
    if (method != "OPTIONS") return invalid("the request target '*' is for OPTIONS only");
    parsed.path = "*";
    return parsed;
  }
  if (!target.starts_with('/')) {
    parsed.scheme = take_scheme(target);
    if (parsed.scheme.empty()) return invalid("the request target is neither a path nor a URL");
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    parsed.authority = std::string(target.substr(0, end));
    if (!is_valid_host(parsed.authority)) return invalid("the URL's host is malformed");
    target.remove_prefix(end);
  }
  const std::size_t question = target.find('?');
  parsed.path = std::string(target.substr(0, question));
  if (parsed.path.empty()) parsed.path = "/";
  if (question != std::string_view::npos)
    parsed.raw_query = std::string(target.substr(question + 1));
  SLUICE_ASSIGN_OR_RETURN(parsed.segments, split_path(parsed.path));
  SLUICE_ASSIGN_OR_RETURN(parsed.query, parse_query(parsed.raw_query));
  return parsed;
}

}  // namespace sluice::http
