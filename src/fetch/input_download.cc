#include "fetch/input_download.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "base/file.h"
#include "base/shown_url.h"
#include "base/text.h"
#include "base/utf8.h"
#include "fetch/fetch.h"

namespace sluice::client {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::uint64_t kProgressStep = 1u << 20;
constexpr auto kProgressTime = std::chrono::seconds(1);

// "bytes 100-199/200": where the part begins.
std::optional<std::uint64_t> range_start(std::string_view value) {
  if (!value.starts_with("bytes ")) return std::nullopt;
  value.remove_prefix(6);
  std::uint64_t start = 0;
  std::size_t digits = 0;
  for (; digits < value.size() && digits < 18 && std::isdigit(value[digits]) != 0; ++digits)
    start = start * 10 + static_cast<std::uint64_t>(value[digits] - '0');
  if (digits == 0 || digits == value.size() || value[digits] != '-') return std::nullopt;
  return start;
}

// One request and its answer.
struct Attempt {
  int fd;
  PartialFile& file;
  const DownloadLimits& limits;
  const std::stop_token& stop;
  const std::function<Result<void>(const PartialFile&)>& on_progress;
  SteadyClock::time_point deadline;
  CURL* curl = nullptr;

  // Of the answer.
  std::string etag, last_modified, encoding;
  std::optional<std::uint64_t> part_start, length;
  bool is_body = false;  // the answer's body is the file's
  std::uint64_t told = 0;
  SteadyClock::time_point told_at = {};
  bool refused_address = false;
  std::optional<Error> error = std::nullopt;

  Result<void> begin_body();
};

curl_socket_t open_socket(void* context, curlsocktype, curl_sockaddr* address) {
  auto& attempt = *static_cast<Attempt*>(context);
  if (!attempt.limits.allow_private && !is_public_address(address->addr)) {
    attempt.refused_address = true;
    return CURL_SOCKET_BAD;
  }
  const int socket = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  // Too many open files are no fault of the source.
  if (socket < 0 && (errno == EMFILE || errno == ENFILE))
    attempt.error = errno_error("cannot connect", "a download", errno);
  return socket;
}

std::size_t take_header(const char* bytes, std::size_t, std::size_t size, void* context) {
  auto& attempt = *static_cast<Attempt*>(context);
  const std::string_view line(bytes, size);
  const std::size_t colon = line.find(':');
  if (line.starts_with("HTTP/")) {
    attempt.etag.clear();
    attempt.last_modified.clear();
    attempt.encoding.clear();
    attempt.part_start.reset();
    attempt.length.reset();
  }
  if (colon == std::string_view::npos) return size;
  const std::string name = to_lower(line.substr(0, colon));
  const std::string_view value = trimmed(line.substr(colon + 1), " \t\r\n");
  if (name == "etag") attempt.etag = value;
  if (name == "last-modified") attempt.last_modified = value;
  if (name == "content-encoding") attempt.encoding = to_lower(value);
  if (name == "content-range") attempt.part_start = range_start(value);
  if (name == "content-length" && !value.empty() && value.size() < 19 &&
      value.find_first_not_of("0123456789") == std::string_view::npos)
    attempt.length = std::stoull(std::string(value));
  return size;
}

// With the first byte: whether the body continues at the end of the file or starts over.
Result<void> Attempt::begin_body() {
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200 && status != 206) return {};
  if (!encoding.empty() && encoding != "gzip" && encoding != "x-gzip" && encoding != "identity")
    return Error{ErrorKind::kUnsupported,
                 fmt::format("Content-Encoding '{}' is not supported", shortened(encoding, 32))};
  if (status == 206 && part_start != file.received)
    return Error{ErrorKind::kUnavailable, "the answer is another part than was asked for"};
  if (status == 200) {
    file = {};
    if (::ftruncate(fd, 0) != 0) return errno_error("cannot truncate", "a download", errno);
  }
  if (::lseek(fd, static_cast<off_t>(file.received), SEEK_SET) < 0)
    return errno_error("cannot seek in", "a download", errno);
  file.validator = !etag.empty() && !etag.starts_with("W/") ? etag : last_modified;
  // it is kept in a document. Without one, the file is fetched from its beginning again.
  if (!is_valid_utf8(file.validator)) file.validator.clear();
  file.total = length ? std::optional(file.received + *length) : std::nullopt;
  is_body = true;
  told = file.received;
  told_at = SteadyClock::now();
  return on_progress(file);
}

Result<void> take_bytes(Attempt& attempt, std::string_view bytes) {
  if (!attempt.is_body) SLUICE_RETURN_IF_ERROR(attempt.begin_body());
  if (!attempt.is_body) return {};  // what comes with an error status
  PartialFile& file = attempt.file;
  if (file.received + bytes.size() > attempt.limits.size_max)
    return Error{ErrorKind::kTooLarge, fmt::format("more than {} bytes", attempt.limits.size_max)};
  SLUICE_RETURN_IF_ERROR(write_all(attempt.fd, bytes, "a download"));
  file.received += bytes.size();
  const auto now = SteadyClock::now();
  if (file.received - attempt.told < kProgressStep && now - attempt.told_at < kProgressTime)
    return {};
  attempt.told = file.received;
  attempt.told_at = now;
  return attempt.on_progress(file);
}

std::size_t take_body(const char* bytes, std::size_t, std::size_t size, void* context) {
  auto& attempt = *static_cast<Attempt*>(context);
  if (auto taken = take_bytes(attempt, {bytes, size}); !taken) {
    attempt.error = std::move(taken).error();
    return size + 1;
  }
  return size;
}

int look(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& attempt = *static_cast<Attempt*>(context);
  if (attempt.stop.stop_requested())
    attempt.error = Error{ErrorKind::kCancelled, "the download was stopped"};
  else if (SteadyClock::now() > attempt.deadline)
    attempt.error = Error{ErrorKind::kTimeout, "the download takes too long"};
  return attempt.error ? 1 : 0;
}

bool is_transient(long status) {
  return status == 408 || status == 429 || status == 502 || status == 503 || status == 504;
}

struct Outcome {
  bool is_done = false;
  Error error;  ///< why not, when it may be tried again
};

Result<Outcome> try_once(const std::string& url, Attempt& attempt) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  attempt.curl = curl.get();
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(curl.get(), option, value);
  };
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(nullptr, curl_slist_free_all);
  const auto add = [&](const std::string& header) {
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  };
  add("Accept: application/fhir+ndjson, application/ndjson, */*;q=0.1");
  add("Accept-Encoding: gzip");
  PartialFile& file = attempt.file;
  if (file.validator.empty()) file = {};
  if (file.received > 0) {
    add(fmt::format("Range: bytes={}-", file.received));
    add("If-Range: " + file.validator);
  }
  const DownloadLimits& limits = attempt.limits;
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, limits.allow_private ? "https,http" : "https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  // A proxy of the environment would make the check of the address pointless.
  set(CURLOPT_PROXY, "");
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect_timeout.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits.stall_timeout.count()));
  set(CURLOPT_BUFFERSIZE, 512L << 10);
  set(CURLOPT_USERAGENT, limits.user_agent.c_str());
  if (!limits.authority_file.empty()) set(CURLOPT_CAINFO, limits.authority_file.c_str());
  set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&attempt));
  set(CURLOPT_WRITEFUNCTION, take_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&attempt));
  set(CURLOPT_HEADERFUNCTION, take_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&attempt));
  set(CURLOPT_XFERINFOFUNCTION, look);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(&attempt));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_HTTPHEADER, headers.get());
  const CURLcode code = curl_easy_perform(curl.get());
  if (attempt.refused_address)
    return Error{ErrorKind::kForbidden, "it is at an address that is not public"};
  if (attempt.error) return *attempt.error;
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
    return invalid("it is not a URL that can be fetched");
  if (code != CURLE_OK) return Outcome{false, {ErrorKind::kUnavailable, curl_easy_strerror(code)}};
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
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
  // An empty body brings no bytes.
  if (!attempt.is_body) SLUICE_RETURN_IF_ERROR(attempt.begin_body());
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
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const auto named = [&](Error error) {
    error.message = fmt::format("'{}': {}", shown_url(url), error.message);
    return error;
  };
  if (!url.starts_with("https://") && !(limits.allow_private && url.starts_with("http://")))
    return named(invalid("it is not an https URL"));
  const auto deadline = SteadyClock::now() + limits.timeout;
  auto delay = limits.retry_delay;
  std::uint64_t furthest = file.received;  // what is received once more is no progress
  for (unsigned failures = 0;;) {
    Attempt attempt{fd, file, limits, stop, on_progress, deadline, nullptr, {}, {}, {}, {}, {}};
    auto outcome = try_once(url, attempt);
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
