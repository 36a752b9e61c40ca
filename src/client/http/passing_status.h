// Which answers pass: the same request may be answered otherwise in a moment.
#pragma once

namespace sluice::client {

/// Of a server that has too much to do, or of what stands before one that does not answer now.
constexpr bool is_passing(int status) {
  return status == 408 || status == 425 || status == 429 || status == 502 || status == 503 ||
         status == 504;
}

/// Of a fault that may be of the moment, and of one server among several (500, what clouds answer
/// for servers that they cannot reach: 520 to 530): another try costs little. 501 says never.
constexpr bool may_be_passing(int status) {
  return is_passing(status) || (status >= 500 && status != 501);
}

}  // namespace sluice::client
