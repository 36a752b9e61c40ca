// The HTTP answers of the control socket, for curl and scripts: debug information about jobs, and
// metrics. Separate from the commands' own messages.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::cli {

/// Whether what came so far is the beginning of an HTTP request.
bool is_http(std::string_view received);
/// Whether the head is complete.
bool is_whole_http(std::string_view received);

/// The whole response. `GET /jobs` and `GET /jobs/JOB` ask `handler` as `sluice jobs` does, `GET
/// /metrics` asks it to do "metrics", which gives their "text"; 404 for another path or job, 405
/// for another method. The connection ends with it.
std::string answer_http(
    std::string_view received,
    const std::function<Result<boost::json::object>(const boost::json::object&)>& handler);

}  // namespace sluice::cli
