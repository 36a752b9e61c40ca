#include "fetch/fetch.h"

#include <fmt/format.h>

#include <cctype>

#include "base/shown_url.h"
#include "base/text.h"
#include "fetch/guard.h"
#include "transport/client.h"

namespace sluice::client {
namespace {

std::optional<std::chrono::seconds> max_age_of(const transport::AnswerHeaders& headers) {
  const std::string line = to_lower(headers.list("cache-control"));
  if (line.find("no-store") != std::string::npos || line.find("no-cache") != std::string::npos)
    return std::chrono::seconds(0);
  const auto at = line.find("max-age=");
  if (at == std::string::npos) return std::nullopt;
  long seconds = 0;
  for (std::size_t i = at + 8;
       i < line.size() && std::isdigit(static_cast<unsigned char>(line[i])) &&
       seconds < 1'000'000'000;
       ++i)
    seconds = seconds * 10 + (line[i] - '0');
  return std::chrono::seconds(seconds);
}

}  // namespace

Result<Fetched> send(const std::string& url, const FetchRequest& request,
                     const FetchOptions& options) {
  transport::Policy policy =
      guarded_policy(options.allow_private, options.user_agent, options.authority_file);
  policy.connect_timeout = options.timeout / 2;
  transport::Request asked{request.method, url, request.headers, request.body};
  asked.body_max = options.size_max;
  asked.deadline = std::chrono::steady_clock::now() + options.timeout;
  asked.stop = options.stop;
  auto outcome = transport::Client(std::move(policy)).send(std::move(asked));
  if (outcome.is_answered())
    return Fetched{outcome.status, std::move(outcome.body), max_age_of(outcome.headers)};
  Error error = guarded_error(outcome);
  error.message = fmt::format("'{}': {}", shown_url(url), error.message);
  return error;
}

Result<Fetched> fetch(const std::string& url, const FetchOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(auto fetched, send(url, {}, options));
  if (fetched.status != 200)
    return Error{ErrorKind::kUnavailable,
                 fmt::format("'{}' answers {}", shown_url(url), fetched.status)};
  return fetched;
}

}  // namespace sluice::client
