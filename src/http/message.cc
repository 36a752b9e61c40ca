#include "http/message.h"

#include <algorithm>

#include "base/percent.h"
#include "base/utf8.h"
#include "http/text.h"

namespace sluice::http {

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const auto& [field, value] : fields_)
    if (iequals(field, name)) return value;
  return std::nullopt;
}

std::string Headers::combined(std::string_view name) const {
  std::string joined;
  bool first = true;
  for (const auto& [field, value] : fields_) {
    if (!iequals(field, name)) continue;
    if (!first) joined += ", ";
    joined += value;
    first = false;
  }
  return joined;
}

std::size_t Headers::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(fields_.begin(), fields_.end(),
                    [&](const auto& field) { return iequals(field.first, name); }));
}

void Headers::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const auto& field) { return iequals(field.first, name); });
}

void Headers::set(std::string_view name, std::string value) {
  remove(name);
  fields_.emplace_back(std::string(name), std::move(value));
}

std::string_view Request::parameter(std::string_view name) const {
  for (const auto& [key, value] : path_parameters)
    if (key == name) return value;
  return {};
}

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  auto decoded = percent_decoded(text, plus_is_space);
  if (!decoded) return invalid("a '%' in the URL is not followed by two hexadecimal digits");
  if (decoded->find('\0') != std::string::npos) return invalid("the URL contains a NUL character");
  // later code need not check whether text of a client can be stored or sent back.
  if (!is_valid_utf8(*decoded)) return invalid("the URL or form is not UTF-8 when it is decoded");
  return std::move(*decoded);
}

Result<NameValues> parse_query(std::string_view query) {
  NameValues parameters;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    if (pair.empty()) continue;
    if (parameters.size() == kParametersMax)
      return Error{ErrorKind::kTooLarge,
                   "there are more than " + std::to_string(kParametersMax) + " parameters"};
    const std::size_t equals = pair.find('=');
    SLUICE_ASSIGN_OR_RETURN(std::string name, percent_decode(pair.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      SLUICE_ASSIGN_OR_RETURN(value, percent_decode(pair.substr(equals + 1), true));
    }
    parameters.emplace_back(std::move(name), std::move(value));
  }
  return parameters;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Status";
  }
}

}  // namespace sluice::http
