#include "cli/control_http.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/json_text.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kJobs = "/jobs";
constexpr std::string_view kMetrics = "/metrics";

std::string response(std::string_view status, std::string_view type, std::string_view text) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
      "Cache-Control: no-store\r\nConnection: close\r\n\r\n{}",
      status, type, text.size(), text);
}

std::string response(std::string_view status, const json::object& body) {
  return response(status, "application/json", json_text(body) + "\n");
}

std::string refusal(std::string_view status, std::string_view why) {
  return response(status, {{"error", json::string_view(why.data(), why.size())}});
}

}  // namespace

bool is_http(std::string_view received) {
  const std::string_view line = received.substr(0, received.find("\r\n"));
  return !line.starts_with('{') && line.find(" HTTP/1.") != std::string_view::npos;
}

bool is_whole_http(std::string_view received) {
  return received.find("\r\n\r\n") != std::string_view::npos;
}

std::string answer_http(std::string_view received,
                        const std::function<Result<json::object>(const json::object&)>& handler) {
  const std::string_view line = received.substr(0, received.find("\r\n"));
  const std::size_t space = line.find(' ');
  if (line.substr(0, space) != "GET")
    return refusal("405 Method Not Allowed", "only GET is understood here");
  std::string_view path = line.substr(space + 1);
  path = path.substr(0, path.find(' '));
  if (path == kMetrics) {
    const auto metrics = handler({{"do", "metrics"}});
    if (!metrics) return refusal("500 Internal Server Error", metrics.error().message);
    return response("200 OK", "text/plain; version=0.0.4; charset=utf-8",
                    std::string(metrics->at("text").as_string()));
  }
  if (path != kJobs && !(path.starts_with(kJobs) && path.substr(kJobs.size()).starts_with('/')))
    return refusal("404 Not Found", "there are /jobs, /jobs/JOB and /metrics");
  path.remove_prefix(kJobs.size());
  if (path.starts_with('/')) path.remove_prefix(1);
  const auto result =
      handler({{"do", "jobs"}, {"id", json::string_view(path.data(), path.size())}});
  if (result) return response("200 OK", *result);
  const bool unknown = result.error().kind == ErrorKind::kNotFound;
  return refusal(unknown ? "404 Not Found" : "500 Internal Server Error", result.error().message);
}

}  // namespace sluice::cli
