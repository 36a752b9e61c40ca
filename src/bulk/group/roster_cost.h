// How much of a store a roster is, for planning.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "bulk/group/roster.h"
#include "store/store.h"

namespace sluice::bulk {

struct RosterCost {
  double seeks = 0;  ///< that find all the roster's patients have of one type, about
  double share = 1;  ///< of all patients
};

/// Without a roster: no seeks, all patients. When there are more members than patients, most
/// members are not here: then `patients` are looked through by seeks, which jump over members who
/// are not, for as long as that takes a small part of reading everything.
Result<RosterCost> roster_cost(const store::Store& store, const Roster* roster,
                               std::uint64_t patients, store::Sequence as_of);

}  // namespace sluice::bulk
