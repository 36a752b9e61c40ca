// The upgrade of stores in which Devices were in no compartment.
#pragma once

#include "base/result.h"
#include "store/rocksdb/database.h"
#include "store/store.h"

namespace sluice::store {

/// Rewrites Devices that name their patient, as versions with the same content: from then on they
/// are in the patient's compartment, and copies that are updated by `_since` get them. Skips what
/// is done, so that it can be repeated after a crash. The server's URL is not known here: a patient
/// by an absolute URL counts with the next write.
Result<void> give_devices_their_owners(const Database& database, Store& store);

}  // namespace sluice::store
