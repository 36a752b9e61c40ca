// A transaction Bundle by what the scopes' queries let each of its entries see and change.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "api/core/principal.h"
#include "api/core/service.h"
#include "http/message.h"
#include "rest/transaction_view.h"

namespace sluice::api {

class ScopedTransaction final : public rest::TransactionView {
 public:
  /// nullptr for a principal whose scopes have no queries. `service` must see the whole store; the
  /// references must outlive the result.
  static std::unique_ptr<ScopedTransaction> of(const Service& service, const http::Request& request,
                                               const Principal& principal);

  const store::Store& seen_for(rest::Look look, fhir::ResourceType type) override;
  store::Store& writes() override { return *writes_; }
  bool creates_by_update(fhir::ResourceType type) override;
  Result<bool> may_read(fhir::ResourceType type, std::string_view json) override;

 private:
  ScopedTransaction(const Service& service, const http::Request& request,
                    const Principal& principal, std::shared_ptr<store::Store> writes)
      : service_(service), request_(request), principal_(principal), writes_(std::move(writes)) {}

  const Service& service_;
  const http::Request& request_;
  const Principal& principal_;
  const std::shared_ptr<store::Store> writes_;
  std::map<std::pair<rest::Look, fhir::ResourceType>, std::shared_ptr<store::Store>> seen_;
};

}  // namespace sluice::api
