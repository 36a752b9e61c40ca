// HTTP requests and responses as handlers see them. Knows nothing of sockets, nothing of FHIR.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "base/shared_text.h"
#include "http/memory_budget.h"

namespace sluice::http {

/// Header fields in order; names compare without regard to case.
class Headers {
 public:
  /// The first value of that name; nullopt when absent.
  std::optional<std::string_view> get(std::string_view name) const;
  /// All values of that name joined by ", " (RFC 9110 5.3); empty when absent.
  std::string combined(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  void add(std::string name, std::string value);
  /// Replaces all of that name.
  void set(std::string_view name, std::string value);
  void remove(std::string_view name);
  const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// Query or form parameters, percent-decoded once, in order. In both '+' is a space and "%2B" a
/// plus.
using NameValues = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string id;                     ///< for the log and X-Request-Id
  std::string method;                 ///< "GET"; HEAD requests arrive as "HEAD"
  std::string target;                 ///< as sent: path and query
  std::string path;                   ///< as sent, without query
  std::vector<std::string> segments;  ///< of the path, each percent-decoded once
  std::string raw_query;              ///< as sent, without '?'
  NameValues query;
  Headers headers;
  std::string body;
  std::string peer_address;  ///< the client's IP: from X-Forwarded-For behind a trusted proxy
  /// "http://host:port" of the request: Host header, or X-Forwarded-Proto/-Host from a trusted
  /// proxy.
  std::string origin;
  /// When the whole is out of time that this is a part of; nullopt: it is a request of its own.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  /// What the route's "{name}" segments matched.
  NameValues path_parameters;

  /// The value of a path parameter; empty when the route has none of that name.
  std::string_view parameter(std::string_view name) const;
};

/// A body that is made while it is sent. `read` fills the buffer and returns how much; 0 ends the
/// body. It runs on the request pool, never on a socket thread, one call at a time. An error after
/// the header was sent closes the connection, so that the client sees the cut.
struct StreamBody {
  std::function<Result<std::size_t>(std::span<char>)> read;
  std::optional<std::uint64_t> length;  ///< without it: chunked (HTTP/1.1) or until close (1.0)
  /// The next read continues at this offset; until then the body holds no memory. Quick; not called
  /// during a read. With it, and a length, bytes that a client does not fetch take no memory.
  std::function<void(std::uint64_t)> rewind = {};
  std::size_t memory = 0;  ///< that it holds while it is read, about
};

struct Response {
  int status = 200;
  Headers headers;
  /// A shared text is not counted in the budget: it is held once for all answers.
  std::variant<std::string, StreamBody, SharedText> body;
  /// The header Last-Modified, in whole seconds.
  std::optional<Instant> last_modified = std::nullopt;
  /// What it holds of the budget of answers, when its handler has taken that already. Shared,
  /// because a response can be copied.
  std::shared_ptr<MemoryBudget::Share> share = nullptr;
};

/// "Not Found" for 404; what a status line ends with.
std::string_view reason_phrase(int status);

/// `text` percent-decoded; with `plus_is_space` as in queries. kInvalid for "%" without two
/// hexadecimal digits, for NUL and for what is not UTF-8.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);
/// The most parameters of a query or a form. A list of a hundred thousand patients may come as one
/// parameter for each.
inline constexpr std::size_t kParametersMax = 200'000;
/// "a=1&b=2": kInvalid as percent_decode, kTooLarge for more than kParametersMax.
Result<NameValues> parse_query(std::string_view query);

}  // namespace sluice::http
