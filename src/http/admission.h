// Admits connections: limits of all and of one address, and a reserve to answer connections above
// the limits with the refusal, or with health. Internal to http.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/request_head.h"

namespace sluice::http {

/// Thread-safe. Outlives its tickets.
class Admission {
 public:
  /// The number of refused connections that may wait for their answer, of all addresses and of one;
  /// further ones are closed at once.
  static constexpr std::size_t kRefusedMax = 256;
  static constexpr std::size_t kRefusedOfAddressMax = 64;

  /// `of_address_max`: 0 for no limit. `exempt`: addresses of proxies, which serve many clients.
  Admission(std::size_t connections_max, std::size_t of_address_max,
            std::vector<std::string> exempt);

  /// A connection's place; released by its destructor.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept { swap(other); }
    Ticket& operator=(Ticket&& other) noexcept {
      Ticket gone(std::move(other));
      swap(gone);
      return *this;
    }
    ~Ticket();
    /// Whether the connection gets the refusal only.
    bool is_refused() const { return refusal_.has_value(); }
    const std::optional<Refusal>& refusal() const { return refusal_; }
    /// Empty when addresses are not counted.
    const std::string& network() const { return network_; }

   private:
    friend class Admission;
    void swap(Ticket& other) noexcept {
      std::swap(admission_, other.admission_);
      std::swap(network_, other.network_);
      std::swap(refusal_, other.refusal_);
    }
    Admission* admission_ = nullptr;
    std::string network_;
    std::optional<Refusal> refusal_;
  };

  /// `peer_address` in its canonical spelling. nullopt: there is no place, not even to refuse.
  std::optional<Ticket> admit(std::string_view peer_address);

  /// How the address is counted; empty when it is not.
  std::string network_of(std::string_view address) const;

  std::size_t served() const;
  /// Whether no ticket was left before `timeout`; without it waits as long as it takes.
  bool wait_for_none(std::optional<std::chrono::milliseconds> timeout);

 private:
  struct Count {
    std::size_t served = 0;
    std::size_t refused = 0;
  };

  void give_back(const Ticket& ticket);

  const std::size_t connections_max_;
  const std::size_t of_address_max_;
  const std::vector<std::string> exempt_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Count all_;                                             // guarded by mutex_
  std::map<std::string, Count, std::less<>> by_network_;  // guarded by mutex_
};

}  // namespace sluice::http
