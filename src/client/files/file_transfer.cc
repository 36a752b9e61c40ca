#include "client/files/file_transfer.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "base/shown_url.h"
#include "base/text.h"
#include "client/http/passing_status.h"
#include "client/http/url.h"
#include "transport/content_range.h"
#include "transport/redirect.h"

namespace sluice::client {
namespace {

constexpr std::size_t kErrorBodyMax = 64u << 10;
constexpr unsigned kRefusedTokensMax = 3;
constexpr std::uint64_t kProgressMin = 4096;  // bytes, to be asked for more at once
constexpr std::chrono::milliseconds kCrawlPause{1000};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_strong(const std::string& etag) {
  return etag.size() > 2 && etag.front() == '"';
}

// Whether an answer is about other bytes than those we have.
bool is_other_file(const AnswerHeaders& headers, const FileValidator& validator) {
  const std::string& etag = headers.get("etag");
  if (!etag.empty() && !validator.etag.empty()) return etag != validator.etag;
  const std::string& modified = headers.get("last-modified");
  return !modified.empty() && !validator.last_modified.empty() &&
         modified != validator.last_modified;
}

}  // namespace

std::vector<std::string> resume_headers(const FileValidator& validator, std::uint64_t offset) {
  if (offset == 0) return {};
  std::vector<std::string> headers = {fmt::format("Range: bytes={}-", offset)};
  // A weak ETag must not stand in If-Range; what comes is compared with it instead.
  if (is_strong(validator.etag))
    headers.push_back("If-Range: " + validator.etag);
  else if (validator.etag.empty() && !validator.last_modified.empty())
    headers.push_back("If-Range: " + validator.last_modified);
  return headers;
}

BodyUse judge_head(int status, const AnswerHeaders& headers, std::uint64_t offset,
                   const FileValidator& validator) {
  // 203: a proxy has changed something on the way. 204: an empty file, to some; of a file that we
  // have the beginning of it says nothing.
  if (status == 200 || status == 203 || (status == 204 && offset == 0)) return BodyUse::kReplace;
  if (status == 416) return BodyUse::kRestart;
  if (status != 206) return BodyUse::kError;
  const auto range = transport::parse_content_range(headers.get("content-range"));
  if (!range || range->first != offset || is_other_file(headers, validator))
    return BodyUse::kRestart;
  if (validator.total && range->total && *validator.total != *range->total)
    return BodyUse::kRestart;
  // Without anything that tells one file from another, only its length can. From the beginning
  // there is nothing to tell apart: some answer 206 to who asked for no range.
  if (offset > 0 && validator.etag.empty() && validator.last_modified.empty() && !validator.total)
    return BodyUse::kRestart;
  return BodyUse::kAppend;
}

bool FileTransfer::is_whole() const {
  const auto& total = download_.validator.total;
  return file_ && total && file_->received() == *total && *total > 0;
}

Result<void> FileTransfer::open_file() {
  if (file_) return {};
  SLUICE_ASSIGN_OR_RETURN(file_, make_file_(*this));
  return {};
}

void FileTransfer::restart() {
  if (file_) file_->cancel();
  file_.reset();
  download_.resume_at = 0;
  download_.validator = {};
  asks_what_follows_ = false;
}

Result<void> FileTransfer::begin(const Connection& connection, const DownloadOptions& options,
                                 const std::string& token) {
  SLUICE_RETURN_IF_ERROR(open_file());
  if (url_.empty()) url_ = download_.url;
  const bool to_own_origin = origin_of(url_) == origin_of(download_.url);
  token_ = download_.with_token && to_own_origin ? token : "";
  if (!token_.empty()) SLUICE_RETURN_IF_ERROR(check_token_target(url_, connection));
  transport::Request request{"GET", url_, resume_headers(download_.validator, offset())};
  request.headers.push_back("Accept: " +
                            (download_.accept.empty() ? options.accept : download_.accept));
  if (options.wants_gzip)
    request.headers.emplace_back(download_.plan.is_opaque ? "Accept-Encoding: identity"
                                                          : "Accept-Encoding: gzip");
  request.token = token_;
  request.is_bulk = true;
  request.on_head = [this](int status, const AnswerHeaders& headers) -> Result<transport::Sink> {
    SLUICE_RETURN_IF_ERROR(take_head(status, headers));
    return transport::Sink([this](std::string_view bytes) { return take(bytes); });
  };
  status_ = 0;
  use_ = BodyUse::kError;
  error_body_.clear();
  received_ = 0;
  started = std::chrono::steady_clock::now();
  if (transfer_.begin(policy_of(connection), std::move(request))) return {};
  return invalid(fmt::format("{}: {}", shown_url(url_), transfer_.outcome().reason));
}

// Before the first byte of the body (or at the end of an empty one).
Result<void> FileTransfer::take_head(int status, const AnswerHeaders& headers) {
  status_ = status;
  use_ = judge_head(status_, headers, offset(), download_.validator);
  if (use_ == BodyUse::kReplace && offset() > 0) {
    restart();
    SLUICE_RETURN_IF_ERROR(open_file());
  }
  if (use_ != BodyUse::kReplace && use_ != BodyUse::kAppend) return {};
  const std::string& encoding = headers.get("content-encoding");
  if (download_.plan.is_opaque && headers.has("content-encoding") && encoding != "identity")
    return Error{ErrorKind::kConflict,
                 fmt::format("{}: it comes as '{}', which was not asked for",
                             shown_url(download_.url), encoding.substr(0, 40))};
  FileValidator validator{headers.get("etag"), headers.get("last-modified"), std::nullopt,
                          headers.get("content-type")};
  if (use_ == BodyUse::kAppend) {
    const auto range = transport::parse_content_range(headers.get("content-range"));
    range_end_ = range->last + 1;
    validator.total = range->total;
  } else {
    validator.total = number(headers.get("content-length"));
  }
  if (!validator.total) validator.total = download_.validator.total;
  SLUICE_RETURN_IF_ERROR(check_size(validator.total.value_or(0)));
  download_.validator = validator;
  events_.on_begin(download_.index, validator, offset());
  return {};
}

Result<void> FileTransfer::check_size(std::uint64_t size) const {
  if (download_.size_max == 0 || size <= download_.size_max) return {};
  return Error{ErrorKind::kTooLarge,
               fmt::format("{}: more than {} bytes", shown_url(download_.url), download_.size_max)};
}

Result<void> FileTransfer::take(std::string_view bytes) {
  // The bytes are useless: the error ends the attempt, and use_ says what follows.
  if (use_ == BodyUse::kRestart) return Error{ErrorKind::kConflict, "other bytes than asked for"};
  if (use_ == BodyUse::kError) {
    error_body_.append(
        bytes.substr(0, kErrorBodyMax - std::min(kErrorBodyMax, error_body_.size())));
    return {};
  }
  received_ += bytes.size();
  SLUICE_RETURN_IF_ERROR(check_size(offset() + bytes.size()));
  return file_->append(bytes);
}

NextStep FileTransfer::give_up(ErrorKind kind, std::string why) {
  failure_ = {kind, fmt::format("{}: {}", shown_url(download_.url), why)};
  return NextStep::kGiveUp;
}

NextStep FileTransfer::again(const DownloadOptions& options, const std::string& why) {
  if (offset() > furthest_) {
    // It goes on, however often it is cut. What is received once more is no progress.
    const std::uint64_t gained = offset() - furthest_;
    furthest_ = offset();
    backoff_.reset();
    busy_ = 0;
    if (gained >= kProgressMin) return NextStep::kAgain;
    pause_ = kCrawlPause;
    return NextStep::kAgainLater;
  }
  if (backoff_.failures() - busy_ >= options.retries) return give_up(ErrorKind::kUnavailable, why);
  pause_ = backoff_.next();
  return NextStep::kAgainLater;
}

NextStep FileTransfer::put_off(const Error& why, const DownloadOptions& options) {
  if (backoff_.failures() - busy_ >= options.retries) {
    failure_ = why;
    return NextStep::kGiveUp;
  }
  pause_ = backoff_.next(told_wait(why, options.wait_max));
  return NextStep::kAgainLater;
}

NextStep FileTransfer::follow(const std::string& target) {
  if (++redirects_ > kRedirectsMax) return give_up(ErrorKind::kUnavailable, "too many redirects");
  url_ = target;
  return NextStep::kRedirect;
}

NextStep FileTransfer::finish(const DownloadOptions& options, Instant now) {
  const transport::Outcome& outcome = transfer_.outcome();
  if (use_ == BodyUse::kRestart && std::exchange(asks_what_follows_, false) &&
      !is_other_file(outcome.headers, download_.validator))
    return NextStep::kCheck;  // nothing does, or it cannot be asked for
  if (use_ == BodyUse::kRestart) {
    restart();
    if (++useless_ranges_ == 1) return NextStep::kAgain;
    return again(options, "the server cannot go on in the middle of the file");
  }
  if (outcome.ending == transport::Ending::kRefused) {  // by us: the disk, a limit
    failure_ = *outcome.error;
    return NextStep::kGiveUp;
  }
  if (use_ != BodyUse::kError) {
    url_.clear();
    redirects_ = 0;
    refused_tokens_ = 0;
    if (!outcome.is_answered()) return again(options, outcome.reason);
    const auto& total = download_.validator.total;
    const bool is_range = use_ == BodyUse::kAppend;
    if ((total && *total != offset()) || (is_range && range_end_ != offset()))
      return again(options, "the connection was cut");
    // Some give a file in ranges of their own choice.
    asks_what_follows_ = is_range && !total;
    return asks_what_follows_ ? again(options, "the server does not say where the file ends")
                              : NextStep::kCheck;
  }
  if (!outcome.is_answered() && status_ == 0) {
    url_.clear();
    if (outcome.ending == transport::Ending::kNotTrusted)
      return give_up(ErrorKind::kForbidden, why_failed(outcome));
    if (outcome.ending == transport::Ending::kHeadersTooLarge)
      return give_up(ErrorKind::kTooLarge, outcome.reason);
    return again(options, outcome.reason);
  }
  const auto target = transport::redirect_target("GET", url_, status_, outcome.headers);
  if (!target) {
    const bool is_downgrade = target.error().kind == ErrorKind::kForbidden;
    return give_up(is_downgrade ? ErrorKind::kForbidden : ErrorKind::kUnavailable,
                   target.error().message);
  }
  if (*target) return follow(**target);
  url_.clear();
  redirects_ = 0;
  Answer answer{status_, {}, {}, std::move(error_body_)};
  const std::string told = fmt::format("the server answers {} {}", status_, answer.problem());
  if (status_ == 429 || status_ == 503) {
    if (busy_ >= options.busy_retries) return give_up(ErrorKind::kUnavailable, told);
    ++busy_;
    pause_ = backoff_.next(retry_after_of(outcome.headers, now, options.wait_max));
    return NextStep::kSlowDown;
  }
  if (status_ == 401 && may_have_token && !download_.with_token) {
    // The manifest says that no token is needed, and is wrong.
    download_.with_token = true;
    return NextStep::kAgain;
  }
  if (status_ == 401 && !token_.empty() && ++refused_tokens_ <= kRefusedTokensMax)
    return NextStep::kAgain;
  if (status_ == 401 && !token_.empty()) return give_up(ErrorKind::kUnauthenticated, told);
  if (status_ == 401 || status_ == 403 || status_ == 404 || status_ == 410)
    return give_up(ErrorKind::kGone, told);
  // Signed URLs of some clouds end with a 400 that says so.
  if (status_ == 400 && to_lower(answer.body).find("expired") != std::string::npos)
    return give_up(ErrorKind::kGone, told);
  if (status_ >= 500 || status_ == 202 || status_ == 204 || is_passing(status_))
    return again(options, told);
  return give_up(ErrorKind::kConflict, told);
}

}  // namespace sluice::client
