#include "http/handshake_rate.h"

#include <algorithm>

namespace sluice::http {

double HandshakeRate::refilled(const Bucket& bucket, TimePoint now) const {
  const double seconds = std::chrono::duration<double>(now - bucket.at).count();
  return std::min(2 * per_second_, bucket.left + seconds * per_second_);
}

bool HandshakeRate::take(const std::string& network, TimePoint now) {
  if (per_second_ == 0 || network.empty()) return true;
  if (buckets_.size() >= swept_at_) {
    // A full bucket says nothing.
    std::erase_if(buckets_,
                  [&](const auto& each) { return refilled(each.second, now) >= 2 * per_second_; });
    if (buckets_.size() >= kNetworksMax) buckets_.clear();
    swept_at_ = std::clamp<std::size_t>(2 * buckets_.size(), 1024, kNetworksMax);
  }
  Bucket& bucket = buckets_.try_emplace(network, Bucket{2 * per_second_, now}).first->second;
  bucket = {refilled(bucket, now), now};
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

}  // namespace sluice::http
