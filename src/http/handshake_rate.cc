#include "http/handshake_rate.h"

#include <algorithm>

namespace sluice::http {
namespace {

constexpr std::chrono::nanoseconds kSecond = std::chrono::seconds(1);

}  // namespace

HandshakeRate::HandshakeRate(std::size_t per_second) {
  if (per_second == 0) return;
  rate_ =
      Rate{2 * static_cast<double>(per_second), kSecond / static_cast<std::int64_t>(per_second)};
}

bool HandshakeRate::take(const std::string& network, TimePoint now) {
  if (!rate_ || network.empty()) return true;
  if (buckets_.size() >= swept_at_) {
    // A full bucket says nothing.
    std::erase_if(buckets_, [&](const auto& each) { return each.second.is_full(*rate_, now); });
    if (buckets_.size() >= kNetworksMax) buckets_.clear();
    swept_at_ = std::clamp<std::size_t>(2 * buckets_.size(), 1024, kNetworksMax);
  }
  return buckets_.try_emplace(network, *rate_, now).first->second.take(*rate_, now);
}

}  // namespace sluice::http
