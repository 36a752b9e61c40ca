// Documents: small values by key. Apart because nothing here knows of resources.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/rocksdb/database.h"
#include "store/store.h"

namespace sluice::store {

/// As in Store.
Result<std::optional<std::string>> read_document(const Database& database, std::string_view key);
Result<std::vector<Document>> list_documents(const Database& database, std::string_view prefix,
                                             std::string_view after, std::size_t limit);

}  // namespace sluice::store
