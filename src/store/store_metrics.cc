#include "store/store_metrics.h"

#include <string>

#include "fhir/resource_type.h"

namespace sluice::store {

std::vector<prometheus::MetricFamily> read_metrics(const Store& store) {
  std::vector<prometheus::MetricFamily> families;
  if (const auto types = store.statistics()) {
    std::vector<MetricValue> resources;
    std::vector<MetricValue> bytes;
    for (const auto& type : *types) {
      const prometheus::Labels labels = {{"type", std::string(fhir::type_name(type.type))}};
      resources.push_back({labels, static_cast<double>(type.resources)});
      bytes.push_back({labels, static_cast<double>(type.bytes)});
    }
    families.push_back(
        gauge_family("sluice_store_resources", "Current resources, by type.", resources));
    families.push_back(gauge_family("sluice_store_resource_bytes",
                                    "NDJSON bytes of current resources, by type.", bytes));
  }
  if (const auto size = store.size_on_disk())
    families.push_back(gauge_family("sluice_store_disk_bytes", "Bytes of the store on disk.",
                                    {{{}, static_cast<double>(*size)}}));
  families.push_back(
      counter_family("sluice_store_transactions_total", "Transactions since the store was made.",
                     {{{}, static_cast<double>(store.last_commit().sequence.value)}}));
  return families;
}

}  // namespace sluice::store
