// How a transaction Bundle sees and changes the store for a client whose scopes have queries: each
// entry by the right that it needs.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "store/store.h"

namespace sluice::rest {

/// The purpose of reading a resource.
enum class Look : std::uint8_t { kRead, kSearch, kUpdate, kDelete };

/// One thread at a time.
class TransactionView {
 public:
  virtual ~TransactionView() = default;

  /// The store with the resources of the type that may be read for this purpose; of other types
  /// with those that may be read.
  virtual const store::Store& seen_for(Look look, fhir::ResourceType type) = 0;
  /// Where to write: refuses what may not be written.
  virtual store::Store& writes() = 0;
  /// Whether a PUT creates a resource that does not exist. For a client that may not see all
  /// resources, the answer would reveal which ids are taken.
  virtual bool creates_by_update(fhir::ResourceType type) = 0;
  /// Whether a resource that has become so may be read.
  virtual Result<bool> may_read(fhir::ResourceType type, std::string_view json) = 0;
};

}  // namespace sluice::rest
