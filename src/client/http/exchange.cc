#include "client/http/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <mutex>

#include "base/shown_url.h"
#include "base/text.h"
#include "base/utf8.h"
#include "client/http/json_tree.h"
#include "client/http/retry_after.h"
#include "client/http/shown_text.h"
#include "transport/client.h"

namespace sluice::client {
namespace {

namespace json = boost::json;

constexpr std::size_t kProblemShown = 500;
constexpr std::size_t kPageShown = 200;
constexpr std::size_t kTypeShown = 64;

// Some issue or OAuth member as text; empty for anything else.
std::string text_member(const json::object& object, std::string_view name) {
  const auto* member = object.if_contains(name);
  return member != nullptr && member->is_string() ? std::string(member->get_string())
                                                  : std::string();
}

const json::array* issues_of(const json::value& value) {
  if (!value.is_object() || text_member(value.get_object(), "resourceType") != "OperationOutcome")
    return nullptr;
  const auto* issues = value.get_object().if_contains("issue");
  return issues != nullptr && issues->is_array() ? &issues->get_array() : nullptr;
}

// Whether a body can hold somebody's data: JSON of any kind, also cut or in lines, FHIR in XML, or
// what is compressed. None of it is shown or logged.
bool may_be_resources(std::string_view body) {
  const auto text = trimmed(without_byte_order_mark(body), " \t\r\n");
  if (text.empty()) return false;
  if (text.front() == '{' || text.front() == '[' || text.front() == '"') return true;
  return text.starts_with("\x1f\x8b") || text.find("resourceType") != std::string_view::npos ||
         text.find("http://hl7.org/fhir") != std::string_view::npos;
}

// Names such a body by its first resourceType, if it has one that can be a type's name.
std::string what_it_is(std::string_view body) {
  constexpr std::string_view kKey = "\"resourceType\"";
  const auto key = body.find(kKey);
  if (key == std::string_view::npos) return "a body that is no OperationOutcome";
  const auto after = body.substr(key + kKey.size());
  const auto start = after.find_first_not_of(" \t\r\n:\"");
  const auto name = start == std::string_view::npos ? "" : after.substr(start);
  const auto end = std::find_if_not(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
  const auto size = static_cast<std::size_t>(end - name.begin());
  if (size == 0 || size > kTypeShown) return "a body that is no OperationOutcome";
  return fmt::format("a body of resourceType {}", name.substr(0, size));
}

}  // namespace

std::optional<std::chrono::milliseconds> retry_after_of(const AnswerHeaders& headers, Instant now,
                                                        std::chrono::milliseconds wait_max) {
  // Clocks differ: what the server means is the time between its two dates.
  const auto theirs = parse_http_date(headers.get("date"));
  return parse_retry_after(headers.get("retry-after"), theirs ? *theirs : now, wait_max);
}

Error with_retry_after(Error error, const AnswerHeaders& headers, Instant now) {
  constexpr std::chrono::hours kMost{24};
  if (const auto wait = retry_after_of(headers, now, kMost))
    error.retry_after = std::chrono::ceil<std::chrono::seconds>(*wait);
  return error;
}

std::optional<std::chrono::milliseconds> told_wait(const Error& error,
                                                   std::chrono::milliseconds wait_max) {
  if (!error.retry_after) return std::nullopt;
  return std::min<std::chrono::milliseconds>(*error.retry_after, wait_max);
}

std::string outcome_text(std::string_view body) {
  const auto value = parse_json_tree(body);
  const auto* issues = issues_of(value);
  if (issues == nullptr) return {};
  std::string text;
  for (const auto& issue : *issues) {
    if (!issue.is_object()) continue;
    std::string one = text_member(issue.get_object(), "diagnostics");
    const auto* details = issue.get_object().if_contains("details");
    if (details != nullptr && details->is_object()) {
      const std::string words = text_member(details->get_object(), "text");
      if (!words.empty()) one += (one.empty() ? "" : ": ") + words;
    }
    if (one.empty()) one = text_member(issue.get_object(), "code");
    if (!one.empty()) text += (text.empty() ? "" : "; ") + one;
  }
  return std::string(shortened(text, kProblemShown));
}

bool is_transient_outcome(std::string_view body) {
  const auto value = parse_json_tree(body);
  const auto* issues = issues_of(value);
  return issues != nullptr && std::any_of(issues->begin(), issues->end(), [](const auto& issue) {
           return issue.is_object() && text_member(issue.get_object(), "code") == "transient";
         });
}

std::string Answer::problem() const {
  std::string text = outcome_text(body);
  if (!text.empty()) return text;
  if (const auto value = parse_json_tree(body);
      value.is_object() && !value.get_object().contains("resourceType")) {
    const auto& object = value.get_object();
    text = text_member(object, "error");
    const std::string more = text_member(object, "error_description");
    if (!more.empty()) text += (text.empty() ? "" : ": ") + more;
    if (!text.empty()) return std::string(shortened(text, kProblemShown));
  }
  if (may_be_resources(body)) return what_it_is(body);
  // Whatever else it is, a page for people say: the beginning, on one line.
  return shown_text(shortened(body, kPageShown));
}

struct Exchange::Impl {
  Connection connection;
  RequestLog log;
  const Waiter& waiter;
  std::mutex mutex = {};
  transport::Client client{policy_of(connection)};  // guarded by mutex

  void record(const std::string& method, const transport::Outcome& outcome,
              std::chrono::milliseconds duration) const;
  Error error_of(const std::string& asked, const transport::Outcome& outcome) const;
};

Exchange::Exchange(Connection connection, RequestLog log, const Waiter& waiter)
    : impl_(new Impl{std::move(connection), std::move(log), waiter}) {}
Exchange::~Exchange() = default;

void Exchange::Impl::record(const std::string& method, const transport::Outcome& outcome,
                            std::chrono::milliseconds duration) const {
  if (log)
    log({method, shown_url(outcome.url), outcome.status, duration, outcome.received,
         why_failed(outcome)});
}

Error Exchange::Impl::error_of(const std::string& asked, const transport::Outcome& outcome) const {
  using transport::Ending;
  const std::string where = shown_url(outcome.url);
  if (outcome.ending == Ending::kRefused) return *outcome.error;
  if (outcome.ending == Ending::kBadRedirect)
    return {outcome.error->kind, fmt::format("'{}': {}", shown_url(asked), outcome.error->message)};
  if (outcome.ending == Ending::kTooLarge || outcome.ending == Ending::kHeadersTooLarge)
    return {ErrorKind::kTooLarge, fmt::format("'{}': {}", where, outcome.reason)};
  if (const auto still = waiter.check(); !still) return still.error();
  if (outcome.ending == Ending::kNotTrusted)
    return {ErrorKind::kForbidden, fmt::format("'{}': {}", where, why_failed(outcome))};
  if (outcome.ending == Ending::kInvalidUrl)
    return invalid(fmt::format("'{}': {}", where, outcome.reason));
  const bool is_late = outcome.ending == Ending::kTimedOut || outcome.ending == Ending::kOutOfTime;
  return {is_late ? ErrorKind::kTimeout : ErrorKind::kUnavailable,
          fmt::format("'{}' cannot be reached: {}", where, outcome.reason)};
}

Result<Answer> Exchange::send(const ExchangeRequest& request) {
  const std::lock_guard lock(impl_->mutex);
  // After a redirect it goes to its own origin only, and never from https to http.
  if (!request.token.empty())
    SLUICE_RETURN_IF_ERROR(check_token_target(request.url, impl_->connection));
  transport::Request asked{request.method, request.url, request.headers, request.body,
                           request.token};
  asked.is_decoded = true;
  asked.body_max = request.size_max;
  asked.deadline = impl_->waiter.deadline();
  asked.stop = impl_->waiter.stop();
  asked.follows_redirects = request.follows_redirects;
  asked.on_head = [&](int status, const AnswerHeaders& headers) -> Result<transport::Sink> {
    const bool is_taken = status == 200 || status == 202 || status == 203;
    if (!request.sink || !is_taken) return transport::Sink();
    if (request.on_head) request.on_head(status, headers);
    return request.sink;
  };
  auto outcome = impl_->client.send(
      std::move(asked), [&](const transport::Outcome& each, std::chrono::milliseconds duration) {
        impl_->record(request.method, each, duration);
      });
  if (!outcome.is_answered()) return impl_->error_of(request.url, outcome);
  return Answer{outcome.status, std::move(outcome.url), std::move(outcome.headers),
                std::move(outcome.body)};
}

}  // namespace sluice::client
