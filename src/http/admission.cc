#include "http/admission.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

namespace sluice::http {
namespace {

Refusal too_many() {
  Refusal refusal{503, {ErrorKind::kUnavailable, "too many connections"}};
  refusal.error.retry_after = std::chrono::seconds(1);
  return refusal;
}

Refusal too_many_of_address() {
  Refusal refusal{429, {ErrorKind::kTooManyRequests, "too many connections from this address"}};
  refusal.error.retry_after = std::chrono::seconds(1);
  return refusal;
}

}  // namespace

Admission::Admission(std::size_t connections_max, std::size_t of_address_max,
                     std::vector<std::string> exempt)
    : connections_max_(connections_max),
      of_address_max_(of_address_max),
      exempt_(std::move(exempt)) {}

// Who has one IPv6 address has the 2^64 of its network.
std::string Admission::network_of(std::string_view address) const {
  if (of_address_max_ == 0) return {};
  if (std::find(exempt_.begin(), exempt_.end(), address) != exempt_.end()) return {};
  boost::system::error_code error;
  const auto parsed = boost::asio::ip::make_address(std::string(address), error);
  if (error || parsed.is_v4()) return std::string(address);
  const auto bytes = parsed.to_v6().to_bytes();
  return {reinterpret_cast<const char*>(bytes.data()), 8};
}

std::optional<Admission::Ticket> Admission::admit(std::string_view peer_address) {
  Ticket ticket;
  ticket.network_ = network_of(peer_address);
  const bool counts = !ticket.network_.empty();
  const std::lock_guard lock(mutex_);
  const auto found = by_network_.find(ticket.network_);
  const Count own = counts && found != by_network_.end() ? found->second : Count{};
  if (counts && own.served >= of_address_max_)
    ticket.refusal_ = too_many_of_address();
  else if (all_.served >= connections_max_)
    ticket.refusal_ = too_many();
  if (ticket.refusal_ && (all_.refused >= kRefusedMax || own.refused >= kRefusedOfAddressMax))
    return std::nullopt;
  const auto add = [&](Count& count) { ++(ticket.refusal_ ? count.refused : count.served); };
  add(all_);
  if (counts) add(by_network_[ticket.network_]);
  ticket.admission_ = this;
  return ticket;
}

void Admission::give_back(const Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  const auto take = [&](Count& count) { --(ticket.refusal_ ? count.refused : count.served); };
  take(all_);
  if (const auto found = by_network_.find(ticket.network_); found != by_network_.end()) {
    take(found->second);
    if (found->second.served + found->second.refused == 0) by_network_.erase(found);
  }
  if (all_.served + all_.refused == 0) changed_.notify_all();
}

Admission::Ticket::~Ticket() {
  if (admission_ != nullptr) admission_->give_back(*this);
}

std::size_t Admission::served() const {
  const std::lock_guard lock(mutex_);
  return all_.served;
}

bool Admission::wait_for_none(std::optional<std::chrono::milliseconds> timeout) {
  std::unique_lock lock(mutex_);
  const auto none = [this] { return all_.served + all_.refused == 0; };
  if (timeout) return changed_.wait_for(lock, *timeout, none);
  changed_.wait(lock, none);
  return true;
}

}  // namespace sluice::http
