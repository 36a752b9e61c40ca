// What became of a request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "transport/answer_headers.h"

namespace sluice::transport {

enum class Ending : std::uint8_t {
  kAnswered,        ///< with any status, and all of the body
  kInvalidUrl,      ///< or one that the policy does not allow
  kRefusedAddress,  ///< its name leads where the policy does not allow to connect
  kNotTrusted,      ///< the server is not who its name says, as far as can be told
  kTooLarge,        ///< a body that was to be kept
  kHeadersTooLarge,
  kBadRedirect,  ///< `error` says why
  kRefused,      ///< by the receiver, with `error`
  kStopped,      ///< by the stop token
  kOutOfTime,    ///< the request's deadline has passed
  kTimedOut,     ///< no connection, or no byte, for as long as the policy waits
  kNoSocket,     ///< too many open files: no fault of the server; `error` is the system's
  kFailed,       ///< everything else: no such host, no connection, a connection that was cut
};

struct Outcome {
  Ending ending = Ending::kFailed;
  /// Why there is no answer, for people: no URL, nothing that a server said. Empty with an answer.
  std::string reason = {};
  std::optional<Error> error = std::nullopt;
  bool has_unknown_authority = false;  ///< with kNotTrusted: another authority_file would do
  std::string url = {};                ///< where it ended, after redirects
  int status = 0;                      ///< 0: no answer began
  AnswerHeaders headers = {};
  std::string body = {};       ///< unless a sink took it
  std::uint64_t received = 0;  ///< bytes of bodies

  bool is_answered() const { return ending == Ending::kAnswered; }
};

}  // namespace sluice::transport
