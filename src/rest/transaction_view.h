// How a transaction Bundle sees and changes the store for somebody whose scopes have queries: each
// of its entries by the right that it needs.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "store/store.h"

namespace sluice::rest {

/// What a resource is looked at for.
enum class Look : std::uint8_t { kRead, kSearch, kUpdate, kDelete };

/// One thread at a time.
class TransactionView {
 public:
  virtual ~TransactionView() = default;

  /// The store with those resources of the type that may be looked at so; of other types with those
  /// that may be read.
  virtual const store::Store& seen_for(Look look, fhir::ResourceType type) = 0;
  /// Where to write: refuses what may not be written.
  virtual store::Store& writes() = 0;
  /// Whether a PUT makes a resource when there is none. For who may not see all that may be there
  /// the answer would tell which ids are taken.
  virtual bool creates_by_update(fhir::ResourceType type) = 0;
  /// Whether a resource that has become so may be read.
  virtual Result<bool> may_read(fhir::ResourceType type, std::string_view json) = 0;
};

}  // namespace sluice::rest
