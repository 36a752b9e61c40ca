#include "fetch/input_download.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>

#include "base/file.h"
#include "base/shown_url.h"
#include "base/text.h"
#include "base/utf8.h"
#include "fetch/guard.h"
#include "transport/client.h"
#include "transport/content_range.h"

namespace sluice::client {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::uint64_t kProgressStep = 1u << 20;
constexpr auto kProgressTime = std::chrono::seconds(1);

// Whether a part is of another file than the bytes before it: not every server minds If-Range.
bool is_other_file(const transport::AnswerHeaders& headers, const std::string& validator) {
  const bool is_etag = validator.starts_with('"');
  const std::string& now = headers.get(is_etag ? "etag" : "last-modified");
  return !now.empty() && !validator.empty() && now != validator;
}

// One request and its answer.
struct Attempt {
  int fd;
  PartialFile& file;
  const DownloadLimits& limits;
  const std::function<Result<void>(const PartialFile&)>& on_progress;

  // Of the answer.
  bool is_body = false;     // the answer's body is the file's
  bool is_useless = false;  // a part that does not continue what is there
  std::uint64_t told = 0;
  SteadyClock::time_point told_at = {};

  Result<void> begin_body(int status, const transport::AnswerHeaders& headers);
  Result<void> begin_part(const transport::AnswerHeaders& headers);
  Result<void> take_bytes(std::string_view bytes);
};

std::optional<std::uint64_t> number(const std::string& text) {
  if (text.empty() || text.size() >= 19 ||
      text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoull(text);
}

// A server may send less than was asked for: only the whole's length says where the file ends.
Result<void> Attempt::begin_part(const transport::AnswerHeaders& headers) {
  const auto range = transport::parse_content_range(headers.get("content-range"));
  const bool has_other_size = range && range->total && file.total && *range->total != *file.total;
  is_useless = !range || range->first != file.received || has_other_size ||
               (file.received > 0 && is_other_file(headers, file.validator));
  if (is_useless)
    return Error{ErrorKind::kUnavailable, "the answer is another part than was asked for"};
  if (range->total) file.total = range->total;
  return {};
}

// With the head: whether the body continues at the end of the file or starts over.
Result<void> Attempt::begin_body(int status, const transport::AnswerHeaders& headers) {
  if (status != 200 && status != 206) return {};
  const std::string encoding = to_lower(headers.get("content-encoding"));
  if (!encoding.empty() && encoding != "gzip" && encoding != "x-gzip" && encoding != "identity")
    return Error{ErrorKind::kUnsupported,
                 fmt::format("Content-Encoding '{}' is not supported", shortened(encoding, 32))};
  const auto length = number(headers.get("content-length"));
  if (status == 206) {
    SLUICE_RETURN_IF_ERROR(begin_part(headers));
  } else {
    file = {};
    file.total = length;
  }
  if (::ftruncate(fd, static_cast<off_t>(file.received)) != 0)
    return errno_error("cannot truncate", "a download", errno);
  if (::lseek(fd, static_cast<off_t>(file.received), SEEK_SET) < 0)
    return errno_error("cannot seek in", "a download", errno);
  const std::string& etag = headers.get("etag");
  file.validator = !etag.empty() && !etag.starts_with("W/") ? etag : headers.get("last-modified");
  // it is kept in a document. Without one, the file is fetched from its beginning again.
  if (!is_valid_utf8(file.validator)) file.validator.clear();
  // Where nothing says how long the file is, its end is that of the part.
  if (!file.total && length) file.total = file.received + *length;
  is_body = true;
  told = file.received;
  told_at = SteadyClock::now();
  return on_progress(file);
}

Result<void> Attempt::take_bytes(std::string_view bytes) {
  if (!is_body) return {};  // what comes with an error status
  if (file.received + bytes.size() > limits.size_max)
    return Error{ErrorKind::kTooLarge, fmt::format("more than {} bytes", limits.size_max)};
  SLUICE_RETURN_IF_ERROR(write_all(fd, bytes, "a download"));
  file.received += bytes.size();
  const auto now = SteadyClock::now();
  if (file.received - told < kProgressStep && now - told_at < kProgressTime) return {};
  told = file.received;
  told_at = now;
  return on_progress(file);
}

bool is_transient(int status) {
  return status == 408 || status == 429 || status == 502 || status == 503 || status == 504;
}

struct Outcome {
  bool is_done = false;
  Error error;  ///< why not, when it may be tried again
};

transport::Policy policy_of(const DownloadLimits& limits) {
  transport::Policy policy =
      guarded_policy(limits.allow_private, limits.user_agent, limits.authority_file);
  policy.connect_timeout = limits.connect_timeout;
  policy.stall_timeout = limits.stall_timeout;
  return policy;
}

Result<Outcome> try_once(transport::Request request, Attempt& attempt) {
  PartialFile& file = attempt.file;
  if (file.validator.empty()) file = {};
  if (file.received > 0) {
    request.headers.push_back(fmt::format("Range: bytes={}-", file.received));
    request.headers.push_back("If-Range: " + file.validator);
  }
  request.on_head = [&](int status,
                        const transport::AnswerHeaders& headers) -> Result<transport::Sink> {
    SLUICE_RETURN_IF_ERROR(attempt.begin_body(status, headers));
    return transport::Sink([&](std::string_view bytes) { return attempt.take_bytes(bytes); });
  };
  // A connection of its own each time: the one before may be what failed.
  const auto outcome = transport::Client(policy_of(attempt.limits)).send(std::move(request));
  if (attempt.is_useless) {  // it is asked for from its beginning
    file = {};
    return Outcome{false, *outcome.error};
  }
  if (outcome.error) return *outcome.error;
  if (!outcome.is_answered()) {
    Error error = guarded_error(outcome);
    const bool is_final =
        error.kind != ErrorKind::kUnavailable && outcome.ending != transport::Ending::kTimedOut;
    if (is_final) return error;
    error.kind = ErrorKind::kUnavailable;
    return Outcome{false, std::move(error)};
  }
  const int status = outcome.status;
  // What was received is not a part of what is there now.
  if (status == 416 && file.received > 0) {
    file = {};
    return Outcome{false, {ErrorKind::kUnavailable, "it answers 416"}};
  }
  if (status >= 300 && status < 400)
    return Error{ErrorKind::kUnavailable,
                 fmt::format("it answers {}, and redirects are not followed", status)};
  Error answered{ErrorKind::kUnavailable, fmt::format("it answers {}", status)};
  if (is_transient(status)) return Outcome{false, std::move(answered)};
  if (status != 200 && status != 206) return answered;
  if (file.total && file.received != *file.total)
    return Outcome{false, {ErrorKind::kUnavailable, "it ends too early"}};
  file.total = file.received;
  return Outcome{true, {}};
}

// False when stopped before.
bool pause(std::chrono::milliseconds delay, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, delay, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace

Result<void> download_input(const std::string& url, int fd, PartialFile& file,
                            const DownloadLimits& limits, const std::stop_token& stop,
                            const std::function<Result<void>(const PartialFile&)>& on_progress) {
  const auto named = [&](Error error) {
    error.message = fmt::format("'{}': {}", shown_url(url), error.message);
    return error;
  };
  transport::Request request{
      "GET",
      url,
      {"Accept: application/fhir+ndjson, application/ndjson, */*;q=0.1", "Accept-Encoding: gzip"}};
  request.deadline = SteadyClock::now() + limits.timeout;
  request.stop = stop;
  request.is_bulk = true;
  auto delay = limits.retry_delay;
  std::uint64_t furthest = file.received;  // what is received once more is no progress
  for (unsigned failures = 0;;) {
    Attempt attempt{fd, file, limits, on_progress};
    auto outcome = try_once(request, attempt);
    if (!outcome) return named(std::move(outcome).error());
    if (outcome->is_done) return on_progress(file);
    if (file.received > furthest) {
      furthest = file.received;
      failures = 0;
      delay = limits.retry_delay;
    } else if (++failures >= limits.attempts_max) {
      return named(std::move(outcome->error));
    }
    if (!pause(delay, stop)) return named({ErrorKind::kCancelled, "the download was stopped"});
    if (failures > 0) delay *= 2;
  }
}

}  // namespace sluice::client
