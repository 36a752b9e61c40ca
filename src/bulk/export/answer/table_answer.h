// A table that is sent while it is made (E3): what an export of the table would have, found by the
// same plan and the same sources, in the same order, a part at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "bulk/export/request/export_scope.h"
#include "output/file_store.h"
#include "store/store.h"

namespace sluice::bulk {

struct TableAnswerLimits {
  std::optional<std::uint64_t> rows_max = std::nullopt;  ///< more rows are left out
  /// Of the work on the table, without the time in which nobody asks for more of it.
  std::chrono::milliseconds work_max = std::chrono::seconds(20);
  /// Bytes that one part may come to.
  std::size_t part_max = 64u << 20;
  std::stop_token stop = {};
};

/// One thread at a time.
class TableAnswer {
 public:
  /// Of the first table of the request. `store` and `files` must outlive it.
  static Result<std::unique_ptr<TableAnswer>> open(const store::Store& store,
                                                   output::FileStore& files,
                                                   std::shared_ptr<const PreparedExport> prepared,
                                                   const TableAnswerLimits& limits);
  /// Of resources that are given, JSON each: those of other types are left out, and of Bundles the
  /// entries taken.
  static Result<std::unique_ptr<TableAnswer>> open(std::vector<std::string> resources,
                                                   const TablesRequest& tables,
                                                   const table::View& view,
                                                   const TableAnswerLimits& limits);
  virtual ~TableAnswer() = default;

  /// Appends the next bytes, possibly none; false at the end. kInvalid names the resource and the
  /// column that break a rule of the view; kTimeout after the time for the work; kTooLarge for too
  /// large a part; kGone when the history of the snapshot has been dropped; kCancelled when asked
  /// to stop.
  virtual Result<bool> next(std::string& out) = 0;
  virtual std::uint64_t rows() const = 0;
};

}  // namespace sluice::bulk
