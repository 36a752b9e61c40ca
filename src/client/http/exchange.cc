#include "client/http/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <mutex>

#include "base/shown_url.h"
#include "base/text.h"
#include "base/utf8.h"
#include "client/http/curl_handle.h"
#include "client/http/retry_after.h"
#include "client/http/shown_text.h"
#include "client/http/url.h"

namespace sluice::client {
namespace {

namespace json = boost::json;

constexpr int kRedirectsMax = 5;
constexpr std::size_t kProblemShown = 500;
constexpr std::size_t kPageShown = 200;
constexpr std::size_t kTypeShown = 64;

struct Transfer {
  const ExchangeRequest* request;
  const Waiter& waiter;
  CURL* handle = nullptr;
  Answer answer = {};
  std::uint64_t bytes = 0;
  Result<void> failed = {};
};

std::size_t take_header(const char* bytes, std::size_t, std::size_t size, void* context) {
  static_cast<Transfer*>(context)->answer.headers.take({bytes, size});
  return size;
}

std::size_t take_body(const char* bytes, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const bool is_first = transfer.bytes == 0;
  transfer.bytes += size;
  long status = 0;
  curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  if (transfer.request->sink && (status == 200 || status == 202)) {
    if (is_first && transfer.request->on_head)
      transfer.request->on_head(static_cast<int>(status), transfer.answer.headers);
    transfer.failed = transfer.request->sink({bytes, size});
    return transfer.failed ? size : 0;
  }
  auto& body = transfer.answer.body;
  if (body.size() + size > transfer.request->size_max) {
    transfer.failed =
        Error{ErrorKind::kTooLarge,
              fmt::format("'{}' answers with more than {} bytes", shown_url(transfer.request->url),
                          transfer.request->size_max)};
    return 0;
  }
  body.append(bytes, size);
  return size;
}

int look_for_stop(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(context)->waiter.check() ? 0 : 1;
}

// Some issue or OAuth member as text; empty for anything else.
std::string text_member(const json::object& object, std::string_view name) {
  const auto* member = object.if_contains(name);
  return member != nullptr && member->is_string() ? std::string(member->get_string())
                                                  : std::string();
}

json::value parse_small(std::string_view body) {
  boost::system::error_code failed;
  json::parse_options options;
  options.max_depth = 64;
  auto value = json::parse({body.data(), body.size()}, failed, {}, options);
  return failed ? json::value() : value;
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

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

void AnswerHeaders::take(std::string_view line) {
  if (line.starts_with("HTTP/")) {
    values_.clear();
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string name = to_lower(line.substr(0, colon));
  values_[name] = trimmed(line.substr(colon + 1), " \t\r\n");
}

const std::string& AnswerHeaders::get(const std::string& name) const {
  static const std::string kNone;
  const auto found = values_.find(name);
  return found == values_.end() ? kNone : found->second;
}

std::optional<std::chrono::milliseconds> retry_after_of(const AnswerHeaders& headers, Instant now,
                                                        std::chrono::milliseconds wait_max) {
  // Clocks differ: what the server means is the time between its two dates.
  const auto theirs = parse_http_date(headers.get("date"));
  return parse_retry_after(headers.get("retry-after"), theirs ? *theirs : now, wait_max);
}

std::string outcome_text(std::string_view body) {
  const auto value = parse_small(body);
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
  const auto value = parse_small(body);
  const auto* issues = issues_of(value);
  return issues != nullptr && std::any_of(issues->begin(), issues->end(), [](const auto& issue) {
           return issue.is_object() && text_member(issue.get_object(), "code") == "transient";
         });
}

std::string Answer::problem() const {
  std::string text = outcome_text(body);
  if (!text.empty()) return text;
  if (const auto value = parse_small(body);
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
  CurlEasy handle = make_easy();  // guarded by mutex

  Result<Answer> send_once(const ExchangeRequest& request);
  void record(const ExchangeRequest& request, const Transfer& transfer, std::string problem,
              std::chrono::steady_clock::time_point start) const;
};

Exchange::Exchange(Connection connection, RequestLog log, const Waiter& waiter)
    : impl_(new Impl{std::move(connection), std::move(log), waiter}) {}
Exchange::~Exchange() = default;

void Exchange::Impl::record(const ExchangeRequest& request, const Transfer& transfer,
                            std::string problem,
                            std::chrono::steady_clock::time_point start) const {
  if (!log) return;
  log({request.method, shown_url(request.url), transfer.answer.status,
       std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                             start),
       transfer.bytes, std::move(problem)});
}

Result<Answer> Exchange::Impl::send_once(const ExchangeRequest& request) {
  const std::lock_guard lock(mutex);
  const auto start = std::chrono::steady_clock::now();
  auto headers = request.headers;
  if (!request.token.empty()) {
    SLUICE_RETURN_IF_ERROR(check_token_target(request.url, connection));
    headers.push_back("Authorization: Bearer " + request.token);
  }
  // curl would wait for a 100 that not every server sends.
  headers.emplace_back("Expect:");
  const CurlList list = make_list(headers);
  Transfer transfer{&request, waiter, handle.get()};
  curl_easy_reset(handle.get());
  set_common(handle.get(), connection);
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(handle.get(), option, value);
  };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_ACCEPT_ENCODING, "");
  set(CURLOPT_HTTPHEADER, list.get());
  set(CURLOPT_WRITEFUNCTION, take_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  set(CURLOPT_HEADERFUNCTION, take_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, look_for_stop);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(&transfer));
  if (request.method != "GET") {
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    if (request.method == "POST") {
      set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
      set(CURLOPT_POSTFIELDS, request.body.c_str());
    }
  }
  const CURLcode code = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.answer.status = static_cast<int>(status);
  transfer.answer.url = request.url;
  std::string problem = code == CURLE_OK ? "" : why_failed(handle.get(), code);
  record(request, transfer, problem, start);
  if (!transfer.failed) return transfer.failed.error();
  if (code != CURLE_OK) SLUICE_RETURN_IF_ERROR(waiter.check());
  if (is_distrust(code))
    return Error{ErrorKind::kForbidden, fmt::format("'{}': {}", shown_url(request.url), problem)};
  if (code != CURLE_OK)
    return Error{code == CURLE_OPERATION_TIMEDOUT ? ErrorKind::kTimeout : ErrorKind::kUnavailable,
                 fmt::format("'{}' cannot be reached: {}", shown_url(request.url), problem)};
  return std::move(transfer.answer);
}

Result<Answer> Exchange::send(const ExchangeRequest& request) {
  ExchangeRequest current = request;
  for (int hop = 0;; ++hop) {
    SLUICE_ASSIGN_OR_RETURN(auto answer, impl_->send_once(current));
    if (!is_redirect(answer.status) || !current.follows_redirects ||
        !answer.headers.has("location"))
      return answer;
    if (answer.status == 303 && current.method != "GET") return answer;
    if (hop == kRedirectsMax)
      return Error{ErrorKind::kUnavailable,
                   fmt::format("'{}' redirects too often", shown_url(request.url))};
    const auto resolved = resolve_url(current.url, answer.headers.get("location"));
    if (!resolved) return Error{ErrorKind::kConflict, resolved.error().message};
    std::string target = *resolved;
    if (current.url.starts_with("https://") && !target.starts_with("https://"))
      return Error{ErrorKind::kForbidden,
                   fmt::format("'{}' redirects from https to http", shown_url(current.url))};
    if (origin_of(target) != origin_of(current.url)) current.token.clear();
    current.url = std::move(target);
  }
}

}  // namespace sluice::client
