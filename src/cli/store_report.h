// What `sluice stats` shows of a store: resources and bytes by type.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>

#include "base/result.h"
#include "store/store.h"

namespace sluice::cli {

/// `types` (those that have resources: `type`, `resources`, `bytes`), their sums `resources` and
/// `bytes`, `sequence` and `instant` of the last transaction (the instant is empty before the
/// first), and `size_on_disk`. Bytes are those of the resources as JSON. Errors: kStorage,
/// kCorrupt. Thread-safe as the store is.
Result<boost::json::object> report_store(const store::Store& store);
/// The same of a data folder's store: by the server when one runs, from the store itself when not.
/// kNotFound when there is none.
Result<boost::json::object> ask_for_report(const std::filesystem::path& data);

}  // namespace sluice::cli
