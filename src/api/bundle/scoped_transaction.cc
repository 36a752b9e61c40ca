#include "api/bundle/scoped_transaction.h"

#include "api/core/access.h"

namespace sluice::api {
namespace {

smart::Permissions letter_of(rest::Look look) {
  using smart::Permissions;
  switch (look) {
    case rest::Look::kSearch:
      return {Permissions::kSearch};
    case rest::Look::kUpdate:
      return {Permissions::kUpdate};
    case rest::Look::kDelete:
      return {Permissions::kDelete};
    case rest::Look::kRead:
      break;
  }
  return {Permissions::kRead};
}

}  // namespace

std::unique_ptr<ScopedTransaction> ScopedTransaction::of(const Service& service,
                                                         const http::Request& request,
                                                         const Principal& principal) {
  auto writes = scoped_store(service, request, principal, std::nullopt, service.slot);
  if (writes == nullptr) return nullptr;
  return std::unique_ptr<ScopedTransaction>(
      new ScopedTransaction(service, request, principal, std::move(writes)));
}

const store::Store& ScopedTransaction::seen_for(rest::Look look, fhir::ResourceType type) {
  auto& seen = seen_[{look, type}];
  if (seen == nullptr)
    seen = scoped_store(service_, request_, principal_, Interaction{type, letter_of(look)},
                        service_.slot);
  return *seen;
}

bool ScopedTransaction::creates_by_update(fhir::ResourceType type) {
  return api::creates_by_update(principal_, type);
}

Result<bool> ScopedTransaction::may_read(fhir::ResourceType type, std::string_view json) {
  return covers(service_, request_, principal_, type, {smart::Permissions::kRead}, json);
}

}  // namespace sluice::api
