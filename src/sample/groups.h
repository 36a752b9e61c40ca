// The Group resources of a sample: known ids for demos, tests and benchmarks.
#pragma once

#include <cstdint>

#include "sample/ndjson_files.h"

namespace sluice::sample {

/// Writes "all-patients", "ten-percent" (every 10th patient), "one-percent" (every 100th),
/// "first-five" and "with-former-members" (at most 200 memberships, some inactive, ended, open,
/// ending in the future, or twice for a patient who came back).
void write_groups(NdjsonFiles& files, std::uint64_t seed, std::uint64_t patients);

}  // namespace sluice::sample
