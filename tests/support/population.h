// Resources of a whole population for tests: what the generator makes or, in the runs that ctest
// labels `shared`, Synthea's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// The resources of one type, as NDJSON.
struct PopulationFile {
  std::string type;
  std::string text;
  /// Without line breaks; at most `count` from the beginning.
  std::vector<std::string_view> lines(std::size_t count = static_cast<std::size_t>(-1)) const;
};

/// Whether SLUICE_SHARED names a folder whose `data` holds Synthea's files.
bool population_is_synthea();

/// Sorted by type.
const std::vector<PopulationFile>& population();

}  // namespace sluice
