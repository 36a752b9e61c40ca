// Limits the TLS handshakes of a network: each costs the server a signature, and the client
// nothing. Internal to http.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/token_bucket.h"

namespace sluice::http {

/// Buckets of twice a second's handshakes, in bounded memory. Used on one thread.
class HandshakeRate {
 public:
  using TimePoint = TokenBucket::TimePoint;

  /// 0: no limit.
  explicit HandshakeRate(std::size_t per_second);

  /// Whether `network` may begin one now. The empty one always may.
  bool take(const std::string& network, TimePoint now);
  std::size_t size() const { return buckets_.size(); }

  /// With more networks all start over: a rate for each does not stop a flood from so many.
  static constexpr std::size_t kNetworksMax = 100'000;

 private:
  std::optional<Rate> rate_;  // none: no limit
  std::unordered_map<std::string, TokenBucket> buckets_;
  std::size_t swept_at_ = 1024;
};

}  // namespace sluice::http
