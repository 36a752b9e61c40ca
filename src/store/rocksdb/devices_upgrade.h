// The upgrade of stores in which Devices were in nobody's compartment.
#pragma once

#include "base/result.h"
#include "store/rocksdb/database.h"
#include "store/store.h"

namespace sluice::store {

/// Writes the Devices that name their patient anew, as versions with the same content: so they are
/// in the patient's compartment from then on, and copies that are brought up to date by `_since`
/// get them. What is done already is passed over, so that it can be done again after a crash. Whose
/// URL a server has is not known here: a patient by an absolute URL counts with the next write.
Result<void> give_devices_their_owners(const Database& database, Store& store);

}  // namespace sluice::store
