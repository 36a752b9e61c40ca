// Resources of the store as of a snapshot, for chained parameters and _has.
#pragma once

#include "query/bounds.h"
#include "search/resolver.h"
#include "store/store.h"

namespace sluice::query {

/// One thread at a time. Errors of the store and of the bounds.
class StoreResolver final : public search::Resolver {
 public:
  StoreResolver(const store::Store& store, store::Sequence as_of, Bounds bounds = {})
      : store_(store), as_of_(as_of), check_(std::move(bounds)) {}
  Result<void> each(fhir::ResourceType type, const Visit& visit) override;
  Result<void> look() override { return check_.look(); }

 private:
  const store::Store& store_;
  const store::Sequence as_of_;
  BoundsCheck check_;
};

}  // namespace sluice::query
