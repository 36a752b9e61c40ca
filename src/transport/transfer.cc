#include "transport/transfer.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/file.h"
#include "transport/transfer_impl.h"
#include "transport/url.h"

namespace sluice::transport {
namespace {

using std::chrono::milliseconds;

constexpr long kBulkBuffer = 512L << 10;

long as_long(milliseconds time) {
  return static_cast<long>(
      std::clamp<std::int64_t>(time.count(), 1, std::numeric_limits<int>::max()));
}

long whole_seconds(milliseconds time) {
  return std::max<long>(1,
                        static_cast<long>(std::chrono::ceil<std::chrono::seconds>(time).count()));
}

// Why the policy does not let a request go to a URL; empty: it does.
std::string why_not_allowed(const Policy& policy, const std::string& url) {
  const auto parts = parse_url(url);
  if (!parts || (parts->scheme != "https" && parts->scheme != "http"))
    return "it is not a URL that can be fetched";
  if (parts->scheme == "http" && !policy.allows_http) return "it is not an https URL";
  return parts->has_user ? "user and password in it" : "";
}

std::string why_ended(Ending ending, const Policy& policy, const Request& request) {
  switch (ending) {
    case Ending::kRefusedAddress:
      return "it is at an address that is not allowed";
    case Ending::kTooLarge:
      return fmt::format("it answers with more than {} bytes", request.body_max);
    case Ending::kHeadersTooLarge:
      return fmt::format("it answers with a header of more than {} bytes", policy.headers_max);
    case Ending::kStopped:
      return "stopped";
    case Ending::kNoSocket:
      return "too many files are open";
    default:
      return "the answer was not taken";
  }
}

}  // namespace

// Remembers the first reason and returns what makes curl give up.
std::size_t Transfer::Impl::end(Ending ending, std::optional<Error> error) {
  if (!ended) {
    ended = ending;
    outcome.error = std::move(error);
  }
  return 0;
}

curl_socket_t Transfer::Impl::open_socket(const curl_sockaddr& address) {
  if (policy.may_connect != nullptr && !policy.may_connect(address.addr)) {
    end(Ending::kRefusedAddress);
    return CURL_SOCKET_BAD;
  }
  const int socket = ::socket(address.family, address.socktype | SOCK_CLOEXEC, address.protocol);
  if (socket < 0 && (errno == EMFILE || errno == ENFILE))
    end(Ending::kNoSocket, errno_error("cannot connect", "a socket", errno));
  return socket;
}

std::size_t Transfer::Impl::take_header(std::string_view line) {
  if (ended) return 0;
  header_bytes += line.size();
  if (header_bytes > policy.headers_max) return end(Ending::kHeadersTooLarge);
  // What follows a body is no part of the head that was acted upon.
  if (!has_head) outcome.headers.take(line);
  return line.size();
}

bool Transfer::Impl::take_head() {
  has_head = true;
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  outcome.status = static_cast<int>(status);
  if (!request.on_head) return true;
  auto taken = request.on_head(outcome.status, outcome.headers);
  if (!taken) {
    end(Ending::kRefused, std::move(taken).error());
    return false;
  }
  sink = std::move(*taken);
  return true;
}

std::size_t Transfer::Impl::take_body(std::string_view bytes) {
  if (ended) return 0;
  if (!has_head && !take_head()) return 0;
  outcome.received += bytes.size();
  if (sink) {
    if (auto taken = sink(bytes); !taken) return end(Ending::kRefused, std::move(taken).error());
    return bytes.size();
  }
  if (outcome.body.size() + bytes.size() > request.body_max) return end(Ending::kTooLarge);
  outcome.body.append(bytes);
  return bytes.size();
}

void Transfer::Impl::set_options() {
  curl_easy_reset(easy.get());
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(easy.get(), option, value);
  };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, policy.allows_http ? "https,http" : "https");
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_USERAGENT, policy.user_agent.c_str());
  if (!policy.authority_file.empty()) set(CURLOPT_CAINFO, policy.authority_file.c_str());
  if (!policy.uses_proxy || policy.may_connect != nullptr) set(CURLOPT_PROXY, "");
  set(CURLOPT_CONNECTTIMEOUT_MS, as_long(policy.connect_timeout));
  if (policy.stall_timeout.count() > 0) {
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, whole_seconds(policy.stall_timeout));
  }
  if (request.deadline != Request::Time::max())
    set(CURLOPT_TIMEOUT_MS, as_long(std::chrono::ceil<milliseconds>(
                                request.deadline - std::chrono::steady_clock::now())));
  if (request.is_decoded) set(CURLOPT_ACCEPT_ENCODING, "");
  if (request.is_bulk) {
    set(CURLOPT_BUFFERSIZE, kBulkBuffer);
    set(CURLOPT_PIPEWAIT, 1L);
  }
  if (request.method != "GET") set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.method == "POST" || !request.body.empty()) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.c_str());
  }
  auto headers = request.headers;
  if (!request.token.empty()) headers.push_back("Authorization: Bearer " + request.token);
  // curl would wait for a 100 that not every server sends.
  headers.emplace_back("Expect:");
  list = make_list(headers);
  set(CURLOPT_HTTPHEADER, list.get());
}

void Transfer::Impl::set_callbacks() {
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(easy.get(), option, value);
  };
  set(
      CURLOPT_OPENSOCKETFUNCTION,
      +[](void* self, curlsocktype, curl_sockaddr* address) -> curl_socket_t {
        return static_cast<Impl*>(self)->open_socket(*address);
      });
  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  set(
      CURLOPT_WRITEFUNCTION, +[](const char* bytes, std::size_t, std::size_t size, void* self) {
        return static_cast<Impl*>(self)->take_body({bytes, size});
      });
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(
      CURLOPT_HEADERFUNCTION, +[](const char* bytes, std::size_t, std::size_t size, void* self) {
        return static_cast<Impl*>(self)->take_header({bytes, size});
      });
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  if (!request.stop.stop_possible()) return;
  // curl asks about once a second, also while it resolves a name and connects.
  set(CURLOPT_NOPROGRESS, 0L);
  set(
      CURLOPT_XFERINFOFUNCTION,
      +[](void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) -> int {
        auto& impl = *static_cast<Impl*>(self);
        if (impl.request.stop.stop_requested()) impl.end(Ending::kStopped);
        return impl.ended ? 1 : 0;
      });
  set(CURLOPT_XFERINFODATA, static_cast<void*>(this));
}

bool Transfer::Impl::begin(const Policy& with, Request asked, Transfer* owner) {
  policy = with;
  request = std::move(asked);
  outcome = {};
  outcome.url = request.url;
  sink = nullptr;
  has_head = false;
  header_bytes = 0;
  ended.reset();
  if (auto why = why_not_allowed(policy, request.url); !why.empty()) {
    outcome.ending = Ending::kInvalidUrl;
    outcome.reason = std::move(why);
    return false;
  }
  if (!easy) {
    outcome.reason = "out of memory";
    return false;
  }
  set_options();
  set_callbacks();
  curl_easy_setopt(easy.get(), CURLOPT_PRIVATE, static_cast<void*>(owner));
  return true;
}

void Transfer::Impl::finish(CURLcode code) {
  if (code == CURLE_OK && !ended && !has_head) take_head();
  explain(easy.get(), code, outcome);
  if (!has_head) {
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    outcome.status = static_cast<int>(status);
  }
  if (ended) {
    outcome.ending = *ended;
    outcome.reason = why_ended(*ended, policy, request);
  } else if (outcome.ending == Ending::kTimedOut &&
             std::chrono::steady_clock::now() >= request.deadline) {
    outcome.ending = Ending::kOutOfTime;
  }
  list.reset();
  sink = nullptr;
}

Transfer::Transfer() = default;
Transfer::~Transfer() = default;

bool Transfer::begin(const Policy& policy, Request request) {
  if (!impl_) impl_ = std::make_unique<Impl>();
  return impl_->begin(policy, std::move(request), this);
}

Outcome Transfer::run(const Policy& policy, Request request) {
  if (begin(policy, std::move(request))) impl_->finish(curl_easy_perform(impl_->easy.get()));
  return std::move(impl_->outcome);
}

Outcome& Transfer::outcome() {
  return impl_->outcome;
}

}  // namespace sluice::transport
