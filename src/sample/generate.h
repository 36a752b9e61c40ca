// `sluice generate`: deterministic synthetic R4 data for demos, tests and benchmarks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"

namespace sluice::sample {

struct GenerateOptions {
  std::uint64_t patients = 100;
  std::uint64_t seed = 1;
  std::filesystem::path out;  ///< created when missing; existing <Type>.ndjson files are replaced
  bool gzip = false;          ///< <Type>.ndjson.gz instead
};

/// What was written, by type name.
struct GenerateSummary {
  std::map<std::string, std::uint64_t> resources;
  std::uint64_t bytes = 0;  ///< of NDJSON
};

/// Writes one NDJSON file a resource type. The same options always give the same bytes.
Result<GenerateSummary> generate(const GenerateOptions& options);

}  // namespace sluice::sample
