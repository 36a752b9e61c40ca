#include "bulk/export/plan/access_paths.h"

#include <algorithm>

#include "bulk/export/plan/export_costs.h"

namespace sluice::bulk {
namespace {

constexpr double kResourceBytes = 1000;  // a resource whose size is not known

}  // namespace

double Way::cost() const {
  return finding + written * cost::kWriteByte;
}

std::string_view name_of(ReadMode mode) {
  switch (mode) {
    case ReadMode::kSeek:
      return "seek by patient";
    case ReadMode::kFilteredIds:
      return "read by id";
    case ReadMode::kFilteredPatients:
      return "seek by the filter's patients";
    default:
      return "scan";
  }
}

std::vector<Way> access_paths(fhir::ResourceType type, std::uint64_t size_in_bytes,
                              const PatientSetCost* patient_set, std::uint64_t patients,
                              const ExportFilters& filters) {
  const auto size = static_cast<double>(size_in_bytes);
  const bool is_filtered = filters.limits(type);
  const double wanted = patient_set == nullptr ? size : size * patient_set->share;
  const double filter = is_filtered ? cost::kFilterByte : 0;
  std::vector<Way> ways{{ReadMode::kScan, size * cost::kScanByte + wanted * filter, wanted}};
  if (patient_set != nullptr)
    ways.push_back({ReadMode::kSeek, patient_set->seeks * cost::kSeek + wanted * filter, wanted});
  if (!is_filtered) return ways;
  if (const auto ids = filters.ids_of(type)) {
    const auto count = static_cast<double>(ids->size());
    ways.push_back(
        {ReadMode::kFilteredIds, count * cost::kChange, std::min(size, count * kResourceBytes)});
  }
  if (const auto of = filters.patients_of(type)) {
    const auto count = static_cast<double>(of->size());
    const double all = std::max(1.0, static_cast<double>(patients));
    const double of_them = size * std::min(1.0, count / all);
    ways.push_back({ReadMode::kFilteredPatients, count * cost::kSeek + of_them * filter, of_them});
  }
  return ways;
}

Way way_to_scan(ReadMode mode, std::uint64_t size) {
  return {mode, static_cast<double>(size) * cost::kScanByte, static_cast<double>(size)};
}

const Way& cheapest(const std::vector<Way>& ways) {
  return *std::min_element(ways.begin(), ways.end(),
                           [](const Way& a, const Way& b) { return a.cost() < b.cost(); });
}

}  // namespace sluice::bulk
