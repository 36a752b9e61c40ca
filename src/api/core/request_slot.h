// The slot of one request for all that it does and that can take long (SearchSlots): taken when the
// first of it begins, and never twice, for a request that waits for a slot of its own would not
// end.
#pragma once

#include <memory>

#include "api/core/service.h"
#include "base/result.h"
#include "http/message.h"

namespace sluice::api {

/// One thread at a time; the references must outlive it. Gives the slot back when it goes.
class RequestSlot {
 public:
  RequestSlot(const Service& service, const http::Request& request)
      : service_(service), request_(request) {}

  /// Takes it, unless the request has one. kUnavailable as of take_slot().
  Result<void> take() {
    if (is_taken_) return {};
    SLUICE_ASSIGN_OR_RETURN(slot_, take_slot(service_, request_));
    is_taken_ = true;
    return {};
  }

 private:
  const Service& service_;
  const http::Request& request_;
  std::shared_ptr<SharedSlot> slot_;
  bool is_taken_ = false;
};

}  // namespace sluice::api
