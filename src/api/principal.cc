#include "api/principal.h"

namespace sluice::api {

Result<Principal> principal_of(const http::Request&) {
  return Principal{"open"};
}

}  // namespace sluice::api
