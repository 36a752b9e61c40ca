#include "client/protocol/kick_off.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "client/http/passing_status.h"
#include "client/http/retry_after.h"
#include "client/http/url.h"

namespace sluice::client {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kBodyKept = 64u << 10;
constexpr std::size_t kProgressShown = 100;
constexpr unsigned kDoubtsMax = 3;  // looks, before an odd answer is believed

std::string what_to_try(int status, const PullRequest& request, bool has_client) {
  if (status == 404 && !request.group.empty())
    return fmt::format(". Is '{}' a Group there, and may this client see it?", request.group);
  if (status == 404) return ". Is the FHIR base right, and does the server export at this level?";
  if (status == 400) return ". --lenient lets the server skip what it does not support";
  if (status == 403) return ". The client's scopes or groups may not cover what was asked for";
  if (status == 401 && has_client)
    return ". The token is new: does this server take tokens of that token endpoint?";
  if (status == 401) return ". Give --client-id and --key, and check that the server knows them";
  return "";
}

Error refusal(const Answer& answer, const PullRequest& request, bool has_client) {
  const ErrorKind kind = answer.status == 401   ? ErrorKind::kUnauthenticated
                         : answer.status == 403 ? ErrorKind::kForbidden
                                                : ErrorKind::kConflict;
  const std::string problem = answer.problem();
  return {kind, fmt::format("the server refuses the export ({}){}{}{}", answer.status,
                            problem.empty() ? "" : ": ", problem,
                            what_to_try(answer.status, request, has_client))};
}

// The ways to ask, in the order in which they are tried as the server refuses them.
enum class Way : std::uint8_t { kPostRepeated, kPostJoined, kGet };

std::vector<Way> ways_to_ask(const Session& session, const PullRequest& request,
                             const KickOffOptions& options) {
  if (options.by_get || session.vendor.only_get) return {Way::kGet};
  std::vector<Way> ways = {Way::kPostRepeated, Way::kPostJoined, Way::kGet};
  if (first_dialect(session.vendor) == PostDialect::kJoined) std::swap(ways[0], ways[1]);
  if (kick_off_body(request, session.vendor, PostDialect::kRepeated) ==
      kick_off_body(request, session.vendor, PostDialect::kJoined))
    ways.erase(ways.begin() + 1);
  return ways;
}

// Whether an answer may be of something before the server: another try costs little.
bool is_doubtful(const Answer& answer) {
  const int status = answer.status;
  if (is_passing(status)) return false;
  if (may_be_passing(status)) return true;
  return (status == 200 || status == 202) && !answer.headers.has("content-location") &&
         !answer.headers.has("location");
}

ExchangeRequest kick_off_request(const Session& session, const PullRequest& request,
                                 const KickOffOptions& options, Way way) {
  ExchangeRequest out;
  out.headers = {"Accept: application/fhir+json", "Prefer: " + prefer_header(options)};
  if (way == Way::kGet) {
    out.url = kick_off_query(request, session.vendor);
    return out;
  }
  out.method = "POST";
  out.url = kick_off_url(request);
  out.headers.emplace_back("Content-Type: application/fhir+json");
  out.body =
      kick_off_body(request, session.vendor,
                    way == Way::kPostRepeated ? PostDialect::kRepeated : PostDialect::kJoined);
  return out;
}

// The status that an answer tells: with separate-export-status a 200 says only that the question
// was understood.
int told_status(int status, const AnswerHeaders& headers) {
  if (status == 203) return 200;  // a proxy has changed something on the way
  if (status != 200) return status;
  const std::string& told = headers.get("x-export-status");
  int separate = 0;
  std::from_chars(told.data(), told.data() + told.size(), separate);
  return separate >= 100 && separate <= 599 ? separate : status;
}

}  // namespace

std::string prefer_header(const KickOffOptions& options) {
  std::string value = "respond-async";
  if (options.wants_separate_status) value += ", separate-export-status";
  if (options.is_lenient) value += ", handling=lenient";
  return value;
}

Result<std::string> kick_off(const Session& session, const PullRequest& request,
                             const KickOffOptions& options) {
  const auto ways = ways_to_ask(session, request, options);
  std::size_t way = 0;
  std::optional<Error> first_refusal;
  unsigned doubts = 0;
  Backoff backoff(
      {milliseconds(1000), std::clamp(options.wait_max, milliseconds(1000), milliseconds(60'000))});
  unsigned unanswered = 0;
  unsigned busy = 0;
  for (;;) {
    SLUICE_RETURN_IF_ERROR(session.waiter.check());
    const auto answer = send_authorized(session.exchange, session.tokens,
                                        kick_off_request(session, request, options, ways[way]));
    if (!answer) {
      const auto kind = answer.error().kind;
      if ((kind != ErrorKind::kUnavailable && kind != ErrorKind::kTimeout) ||
          ++unanswered > options.retries)
        return answer.error();
      SLUICE_RETURN_IF_ERROR(session.waiter.check());  // then it is our own limit
      session.notice(answer.error().message + "; trying again");
      SLUICE_RETURN_IF_ERROR(
          session.waiter.wait(backoff.next(told_wait(answer.error(), options.wait_max))));
      continue;
    }
    const int status = answer->status;
    if (is_doubtful(*answer) && ++doubts < kDoubtsMax) {
      session.notice(fmt::format("the kick-off is answered with {}: {}; trying again", status,
                                 answer->problem()));
      SLUICE_RETURN_IF_ERROR(session.waiter.wait(backoff.next()));
      continue;
    }
    if (status == 202 || status == 200) {
      const std::string& location = answer->headers.has("content-location")
                                        ? answer->headers.get("content-location")
                                        : answer->headers.get("location");
      if (location.empty())
        return Error{ErrorKind::kConflict,
                     fmt::format("the server answers the kick-off with {} but names no status URL "
                                 "(Content-Location)",
                                 status)};
      auto resolved = resolve_url(answer->url, location);
      if (!resolved) return Error{ErrorKind::kConflict, resolved.error().message};
      return resolved;
    }
    if (!is_passing(status)) {
      auto refused = refusal(*answer, request, session.tokens.has_client());
      const bool is_post = ways[way] != Way::kGet;
      if (is_post && (status == 404 || status == 405 || status == 415 || status == 501)) {
        session.notice(fmt::format("the server refuses POST ({}): asking by GET", status));
        way = ways.size() - 1;
        continue;
      }
      const bool is_last = way + 1 == ways.size();
      // Only a POST can name patients.
      const bool may_ask_otherwise = is_post && !is_last && (status == 400 || status == 422) &&
                                     (ways[way + 1] != Way::kGet || request.patients.empty());
      if (!may_ask_otherwise) return first_refusal ? *first_refusal : refused;
      session.notice(fmt::format("the server refuses the POST ({}){}{}: asking {}", status,
                                 answer->problem().empty() ? "" : ": ", answer->problem(),
                                 ways[way + 1] == Way::kGet ? "by GET" : "in another form"));
      if (!first_refusal) first_refusal = std::move(refused);
      ++way;
      continue;
    }
    const std::string problem = answer->problem();
    const std::string told =
        fmt::format("the server is busy ({}){}{}", status, problem.empty() ? "" : ": ", problem);
    if (++busy > options.busy_retries) return Error{ErrorKind::kUnavailable, told};
    const auto wait =
        backoff.next(retry_after_of(answer->headers, session.clock.now(), options.wait_max));
    session.notice(fmt::format("{}; trying again in {:.1f} s", told,
                               static_cast<double>(wait.count()) / 1000));
    SLUICE_RETURN_IF_ERROR(session.waiter.wait(wait));
  }
}

Result<Polled> poll(const Session& session, const std::string& url,
                    const ManifestReader::OnItem& on_item, milliseconds wait_max,
                    bool takes_partial) {
  std::optional<Error> own_fault;  // of on_item: not the server's
  bool is_taken = true;
  ManifestReader reader([&](ManifestItem item) -> Result<void> {
    if (!is_taken) return {};
    auto taken = on_item(std::move(item));
    if (!taken) own_fault = taken.error();
    return taken;
  });
  std::string kept;
  std::optional<Error> unreadable;
  ExchangeRequest request{"GET", url, {"Accept: application/json"}};
  request.on_head = [&](int status, const AnswerHeaders& headers) {
    is_taken = takes_partial || told_status(status, headers) != 202;
  };
  request.sink = [&](std::string_view bytes) -> Result<void> {
    kept.append(bytes.substr(0, kBodyKept - std::min(kBodyKept, kept.size())));
    if (unreadable) return {};
    if (auto fed = reader.feed(bytes); !fed) {
      if (own_fault) return *own_fault;
      unreadable = fed.error();
    }
    return {};
  };
  auto sent = send_authorized(session.exchange, session.tokens, std::move(request));
  Polled polled;
  if (!sent) {
    if (own_fault) return *own_fault;
    if (sent.error().kind != ErrorKind::kUnavailable && sent.error().kind != ErrorKind::kTimeout)
      return sent.error();
    SLUICE_RETURN_IF_ERROR(session.waiter.check());  // then it is our own limit
    polled.trouble = sent.error().message;
    polled.retry_after = told_wait(sent.error(), wait_max);
    return polled;
  }
  auto& answer = *sent;
  if (answer.body.empty()) answer.body = kept;
  polled.retry_after = retry_after_of(answer.headers, session.clock.now(), wait_max);
  polled.is_throttled = answer.status == 429;
  polled.progress = answer.headers.get("x-progress").substr(0, kProgressShown);
  polled.expires = answer.headers.get("expires");
  if (const auto date = parse_http_date(answer.headers.get("date"))) polled.date = *date;
  const int status = told_status(answer.status, answer.headers);
  const auto finish = [&]() -> Result<ManifestHead> {
    if (unreadable) return *unreadable;
    return reader.finish();
  };
  if (status == 200) {
    auto head = finish();
    if (!head) {
      // A gateway's page, a text that was cut: the next look may find a manifest.
      polled.trouble = head.error().message;
      polled.is_doubtful = true;
      return polled;
    }
    polled.state = Polled::State::kDone;
    polled.manifest = std::move(*head);
    return polled;
  }
  if (status == 202) {
    // Most servers send nothing or an OperationOutcome; those with partial manifests send one.
    if (!takes_partial) return polled;
    if (auto head = finish()) polled.manifest = std::move(*head);
    return polled;
  }
  if (status == 404 || status == 410) {
    polled.is_doubtful = status == 404;
    polled.state = Polled::State::kGone;
    polled.trouble =
        fmt::format("the server knows the job no longer ({}) {}", status, answer.problem());
    return polled;
  }
  const std::string problem = answer.problem();
  const std::string told =
      fmt::format("the server answers {}{}{}", status, problem.empty() ? "" : ": ", problem);
  if (is_passing(status) || is_transient_outcome(answer.body)) {
    polled.trouble = told;
    return polled;
  }
  if (status == 401) return Error{ErrorKind::kUnauthenticated, told + session.tokens.why_none(url)};
  if (status == 403) return Error{ErrorKind::kForbidden, told};
  polled.trouble = fmt::format("the server failed the export ({}){}{}", status,
                               problem.empty() ? "" : ": ", problem);
  // One 500 may be of a gateway; a 4xx is about the request.
  polled.is_doubtful = status >= 500;
  if (!polled.is_doubtful) return Error{ErrorKind::kConflict, polled.trouble};
  return polled;
}

Result<bool> remove_job(const Session& session, const std::string& status_url) {
  SLUICE_ASSIGN_OR_RETURN(
      const auto answer,
      send_authorized(session.exchange, session.tokens,
                      {"DELETE", status_url, {"Accept: application/fhir+json"}}));
  return answer.status / 100 == 2 || answer.status == 404 || answer.status == 410;
}

}  // namespace sluice::client
