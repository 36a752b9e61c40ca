#include "query/bounds.h"

namespace sluice::query {

Result<void> BoundsCheck::look() const {
  if (bounds_.permit) SLUICE_RETURN_IF_ERROR(bounds_.permit());
  if (bounds_.stop.stop_requested()) return Error{ErrorKind::kCancelled, "the search was stopped"};
  if (bounds_.deadline && std::chrono::steady_clock::now() > *bounds_.deadline)
    return Error{ErrorKind::kTimeout, "the search takes too long"};
  return {};
}

}  // namespace sluice::query
