#include "transport/client.h"

#include "transport/redirect.h"
#include "transport/url.h"

namespace sluice::transport {
namespace {

using SteadyClock = std::chrono::steady_clock;

Outcome refuse(Outcome outcome, Error error) {
  outcome.ending = Ending::kBadRedirect;
  outcome.reason = error.message;
  outcome.error = std::move(error);
  return outcome;
}

}  // namespace

Outcome Client::send(Request request, const OnAnswer& on_answer) {
  Request current = std::move(request);
  const auto on_head = std::move(current.on_head);
  for (int hop = 0;; ++hop) {
    const std::string url = current.url;
    const auto target_of = [&](int status, const AnswerHeaders& headers) {
      using None = std::optional<std::string>;
      if (policy_.redirects_max == 0 || !current.follows_redirects) return Result<None>(None());
      return redirect_target(current.method, url, status, headers);
    };
    current.on_head = [&](int status, const AnswerHeaders& headers) -> Result<Sink> {
      const auto target = target_of(status, headers);
      if (!on_head || !target || *target) return Sink();
      return on_head(status, headers);
    };
    const auto start = SteadyClock::now();
    Outcome outcome = transfer_.run(policy_, current);
    if (on_answer)
      on_answer(outcome,
                std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - start));
    if (!outcome.is_answered()) return outcome;
    auto target = target_of(outcome.status, outcome.headers);
    if (!target) return refuse(std::move(outcome), std::move(target).error());
    if (!*target) return outcome;
    if (hop == policy_.redirects_max)
      return refuse(std::move(outcome), {ErrorKind::kUnavailable, "it redirects too often"});
    if (origin_of(**target) != origin_of(url)) current.token.clear();
    current.url = std::move(**target);
  }
}

}  // namespace sluice::transport
