// A Parquet file that has its name only when it is whole.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "base/file.h"
#include "parquet/table_writer.h"

namespace sluice::parquet {

/// Until finish() it is PATH.part; destroyed before, it leaves no file. Not thread-safe.
class TableFile {
 public:
  static Result<std::unique_ptr<TableFile>> create(std::filesystem::path path,
                                                   std::vector<Column> columns,
                                                   const TableOptions& options = {});
  ~TableFile();
  TableFile(const TableFile&) = delete;
  TableFile& operator=(const TableFile&) = delete;

  TableWriter& table() { return *table_; }
  /// Ends the table, syncs it and gives it its name.
  Result<void> finish();

 private:
  explicit TableFile(std::filesystem::path path);

  const std::filesystem::path path_;
  const std::filesystem::path part_;
  FileDescriptor fd_;
  std::unique_ptr<TableWriter> table_;
  bool finished_ = false;
};

}  // namespace sluice::parquet
