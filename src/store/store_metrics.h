// The metrics of a store, for Prometheus.
#pragma once

#include <vector>

#include "base/metrics.h"
#include "store/store.h"

namespace sluice::store {

/// Resources and bytes by type, the size on disk, the number of transactions. Omits values that
/// cannot be read now.
std::vector<prometheus::MetricFamily> read_metrics(const Store& store);

}  // namespace sluice::store
