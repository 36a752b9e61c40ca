// What the rounds of a sync report besides resources: summed up, and kept when their folders go.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "client/pull/pull.h"
#include "client/pull/pull_state.h"

namespace sluice::client {

/// Adds what is odd about another round: outcomes, lost files, strays, attachments.
void add_remarks(PullReport& to, const PullReport& from);

/// Keeps a round's outcomes and strays in the folder's error/, as
/// "sync-2.changes.Patient.00001.strays.jsonl". Doing it twice does no harm.
Result<void> keep_errors(const PullState& state, const Round& round, std::uint64_t cycle);

}  // namespace sluice::client
