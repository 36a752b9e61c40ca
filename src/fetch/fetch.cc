#include "fetch/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <memory>
#include <mutex>

#include "base/shown_url.h"
#include "base/text.h"

namespace sluice::client {
namespace {

struct Network {
  std::array<unsigned char, 4> prefix;
  unsigned bits;
};

// What is not for the public Internet (RFC 6890 and its successors).
constexpr Network kReserved[] = {
    {{0, 0, 0, 0}, 8},      {{10, 0, 0, 0}, 8},    {{100, 64, 0, 0}, 10},   {{127, 0, 0, 0}, 8},
    {{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12}, {{192, 0, 0, 0}, 24},    {{192, 0, 2, 0}, 24},
    {{192, 168, 0, 0}, 16}, {{198, 18, 0, 0}, 15}, {{198, 51, 100, 0}, 24}, {{203, 0, 113, 0}, 24},
    {{224, 0, 0, 0}, 4},    {{240, 0, 0, 0}, 4},
};

bool is_public_v4(const unsigned char* bytes) {
  const auto number = [](const unsigned char* b) {
    return static_cast<unsigned>(b[0]) << 24 | static_cast<unsigned>(b[1]) << 16 |
           static_cast<unsigned>(b[2]) << 8 | static_cast<unsigned>(b[3]);
  };
  return std::none_of(std::begin(kReserved), std::end(kReserved), [&](const Network& network) {
    const unsigned mask = ~0u << (32 - network.bits);
    return (number(bytes) & mask) == (number(network.prefix.data()) & mask);
  });
}

bool is_public_v6(const unsigned char* bytes) {
  constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(bytes, kMapped, sizeof kMapped) == 0) return is_public_v4(bytes + 12);
  // NAT64 and 6to4 carry an IPv4 address of their own.
  constexpr unsigned char kNat64[12] = {0, 0x64, 0xff, 0x9b};
  if (std::memcmp(bytes, kNat64, sizeof kNat64) == 0) return is_public_v4(bytes + 12);
  // Teredo: an address of a relay, in which one of IPv4 is hidden.
  if (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0 && bytes[3] == 0) return false;
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return is_public_v4(bytes + 2);
  const bool is_documentation =
      bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0d && bytes[3] == 0xb8;
  // Global unicast is 2000::/3; everything else is loopback, local, multicast or reserved.
  return (bytes[0] & 0xe0) == 0x20 && !is_documentation;
}

struct Transfer {
  const FetchOptions* options;
  Fetched fetched;
  bool refused_address = false;
  bool too_large = false;
};

// Called with the resolved address: a name cannot change between the check and the connection.
curl_socket_t open_socket(void* context, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (!transfer.options->allow_private && !is_public_address(address->addr)) {
    transfer.refused_address = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t take_body(const char* bytes, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (transfer.fetched.body.size() + size > transfer.options->size_max) {
    transfer.too_large = true;
    return 0;
  }
  transfer.fetched.body.append(bytes, size);
  return size;
}

std::size_t take_header(const char* bytes, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string line = to_lower({bytes, size});
  if (!line.starts_with("cache-control:")) return size;
  if (line.find("no-store") != std::string::npos || line.find("no-cache") != std::string::npos) {
    transfer.fetched.max_age = std::chrono::seconds(0);
  } else if (const auto at = line.find("max-age="); at != std::string::npos) {
    long seconds = 0;
    for (std::size_t i = at + 8;
         i < line.size() && std::isdigit(line[i]) && seconds < 1'000'000'000; ++i)
      seconds = seconds * 10 + (line[i] - '0');
    transfer.fetched.max_age = std::chrono::seconds(seconds);
  }
  return size;
}

// curl asks about once a second, also while it resolves a name and connects.
int look_whether_to_stop(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(context)->options->stop.stop_requested() ? 1 : 0;
}

}  // namespace

bool is_public_address(std::string_view address) {
  const std::string text(address);
  unsigned char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return is_public_v4(bytes);
  if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) return is_public_v6(bytes);
  return false;
}

bool is_public_address(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return is_public_v4(reinterpret_cast<const unsigned char*>(&v4.sin_addr));
  }
  if (address.sa_family == AF_INET6)
    return is_public_v6(reinterpret_cast<const sockaddr_in6&>(address).sin6_addr.s6_addr);
  return false;
}

Result<Fetched> send(const std::string& url, const FetchRequest& request,
                     const FetchOptions& options) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const bool is_plain = url.starts_with("http://");
  if (!url.starts_with("https://") && !(is_plain && options.allow_private))
    return invalid(fmt::format("'{}' is not an https URL", shown_url(url)));
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(nullptr, curl_slist_free_all);
  for (const auto& header : request.headers)
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  Transfer transfer{&options, {}, false, false};
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(curl.get(), option, value);
  };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, options.allow_private ? "https,http" : "https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  // A proxy of the environment would make the check of the address pointless.
  set(CURLOPT_PROXY, "");
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.timeout.count() / 2));
  set(CURLOPT_USERAGENT, options.user_agent.c_str());
  if (!options.authority_file.empty()) set(CURLOPT_CAINFO, options.authority_file.c_str());
  set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&transfer));
  set(CURLOPT_WRITEFUNCTION, take_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  set(CURLOPT_HEADERFUNCTION, take_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, look_whether_to_stop);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(&transfer));
  if (headers) set(CURLOPT_HTTPHEADER, headers.get());
  if (request.method != "GET") {
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.c_str());
  }
  const CURLcode code = curl_easy_perform(curl.get());
  const std::string where = shown_url(url);
  if (transfer.refused_address)
    return Error{ErrorKind::kForbidden,
                 fmt::format("'{}' is at an address that is not public", where)};
  if (transfer.too_large)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("'{}' answers with more than {} bytes", where, options.size_max)};
  if (code == CURLE_ABORTED_BY_CALLBACK)
    return Error{ErrorKind::kCancelled, fmt::format("'{}' is not asked any more", where)};
  if (code != CURLE_OK)
    return Error{code == CURLE_OPERATION_TIMEDOUT ? ErrorKind::kTimeout : ErrorKind::kUnavailable,
                 fmt::format("'{}' cannot be reached: {}", where, curl_easy_strerror(code))};
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.fetched.status = static_cast<int>(status);
  return std::move(transfer.fetched);
}

Result<Fetched> fetch(const std::string& url, const FetchOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(auto fetched, send(url, {}, options));
  if (fetched.status != 200)
    return Error{ErrorKind::kUnavailable,
                 fmt::format("'{}' answers {}", shown_url(url), fetched.status)};
  return fetched;
}

}  // namespace sluice::client
