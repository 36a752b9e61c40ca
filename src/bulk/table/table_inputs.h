// Where the resources of tables come from: files, or a store's snapshot.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "bulk/table/table_maker.h"
#include "store/store.h"

namespace sluice::bulk {

struct TableProgress {
  std::uint64_t bytes_read = 0;   ///< of files as they are stored, or of the store's resources
  std::uint64_t bytes_total = 0;  ///< 0 when unknown
};

struct TableInputOptions {
  std::stop_token stop = {};
  /// About four times a second.
  std::function<void(const TableProgress&)> on_progress = {};
  /// Files of folders that are no data by their names.
  std::function<void(const std::string& path)> on_passed_over = {};
};

/// Files, folders and "-", as a load takes them: NDJSON, Bundles, single resources, each also
/// gzipped. kCancelled when asked to stop; errors of the maker.
Result<void> read_tables_from_files(const std::vector<std::string>& paths, TableMaker& maker,
                                    const TableInputOptions& options = {});

/// All resources of the types that the maker reads, as of the sequence.
Result<void> read_tables_from_store(const store::Store& store, store::Sequence as_of,
                                    TableMaker& maker, const TableInputOptions& options = {});

}  // namespace sluice::bulk
