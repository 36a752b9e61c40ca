// The share of a store that a roster covers, for planning.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "bulk/group/roster.h"
#include "store/store.h"

namespace sluice::bulk {

struct RosterCost {
  double seeks = 0;  ///< to find all resources of one type of the roster's patients, about
  double share = 1;  ///< of all patients
};

/// Without a roster: no seeks, all patients. If there are more members than patients, most members
/// are not in the store: then it looks for `patients` by seeks that skip absent members, as long as
/// that takes a small part of reading everything.
Result<RosterCost> roster_cost(const store::Store& store, const Roster* roster,
                               std::uint64_t patients, store::Sequence as_of);

}  // namespace sluice::bulk
