// History: the versions of one resource, of types, or of everything, newest first, in pages. Shows
// only versions that the store still keeps (Store::versions).
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "query/bounds.h"
#include "store/store.h"

namespace sluice::rest {

struct HistoryRange {
  store::Sequence after = {};  ///< only versions of later transactions
  store::Sequence up_to;       ///< and of none after this
  /// Of versions up to this one only those that were current then, and no deletions.
  std::optional<store::Sequence> current_at = std::nullopt;
  /// Where a page after the first continues.
  std::optional<store::ChangeCursor> before = std::nullopt;
};

/// A page ends when one of these is reached, but holds one version at least where there is one;
/// with `looks` that may take several pages.
struct HistoryLimits {
  std::size_t count = 100;
  std::size_t bytes = 16u << 20;
  std::size_t looks = 500'000;  ///< entries of the change log, and 50 for each version looked up
  query::Bounds bounds = {};    ///< kTimeout when they end it before a position to continue from
};

struct HistoryEntry {
  fhir::ResourceId key;
  store::Version version;
};

struct HistoryPage {
  std::vector<HistoryEntry> entries;
  std::optional<store::ChangeCursor> next;  ///< HistoryRange::before of the next page
};

/// One resource. kNotFound when there never was one.
Result<HistoryPage> history_of(const store::Store& store, const fhir::ResourceId& key,
                               const HistoryRange& range, const HistoryLimits& limits);
/// The resources of `types`, which must be sorted; nullptr for all. Reads the change log from its
/// end, so that the newest versions cost no more in a large store.
Result<HistoryPage> history_of_types(const store::Store& store,
                                     const std::vector<fhir::ResourceType>* types,
                                     const HistoryRange& range, const HistoryLimits& limits);

}  // namespace sluice::rest
