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
  /// Created when missing. <Type>.ndjson and <Type>.ndjson.gz files of an earlier run are replaced,
  /// or removed when there is nothing of their type now; other files stay.
  std::filesystem::path out;
  bool gzip = false;  ///< <Type>.ndjson.gz instead
};

/// What was written, by type name.
struct GenerateSummary {
  std::map<std::string, std::uint64_t> resources;
  std::uint64_t bytes = 0;  ///< of NDJSON
};

/// Writes one NDJSON file per resource type, and renames the files when all are complete. The
/// same options always give the same bytes (of NDJSON: gzip may depend on the processor). Patient
/// number i is the same whatever the number of patients, so that a larger sample contains every
/// smaller one of its seed but for the groups. Group ids: "all-patients", "ten-percent",
/// "one-percent", "first-five", "with-former-members". kStorage when the folder cannot be written.
Result<GenerateSummary> generate(const GenerateOptions& options);

}  // namespace sluice::sample
