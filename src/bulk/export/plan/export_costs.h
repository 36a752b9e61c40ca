// The planner's cost model.
#pragma once

#include <cstdint>

namespace sluice::bulk {

namespace cost {

// Costs in seconds, measured on one core (docs/performance.md); only their ratios matter.
inline constexpr double kScanByte = 1.0 / 3e9;     // read a record and skip it
inline constexpr double kWriteByte = 1.0 / 1.5e9;  // compress and write it
inline constexpr double kSeek = 25e-6;             // find one patient's resources of a type
inline constexpr double kChange = 12e-6;           // read one resource by its id
inline constexpr double kFilterByte = 1.0 / 1e9;   // match it against a filter
inline constexpr double kTarget = 3e-6;  // find the Provenances of a resource, or its targets
inline constexpr double kOwners = 6e-6;  // look up the owners of a target

}  // namespace cost

/// The weight of a shard that takes this many seconds, in bytes to write.
inline std::uint64_t weight_of(double seconds) {
  return static_cast<std::uint64_t>(seconds / cost::kWriteByte);
}

}  // namespace sluice::bulk
