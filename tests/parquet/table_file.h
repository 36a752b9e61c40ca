// A table in a file, as the tests write them: a writer whose bytes go to a WholeFile.
#pragma once

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "base/whole_file.h"
#include "parquet/table_writer.h"

namespace sluice::parquet {

class TableFile {
 public:
  static Result<std::unique_ptr<TableFile>> create(std::filesystem::path path,
                                                   std::vector<Column> columns,
                                                   const TableOptions& options = {}) {
    auto made = std::make_unique<TableFile>();
    SLUICE_ASSIGN_OR_RETURN(made->file_, WholeFile::create(std::move(path)));
    SLUICE_ASSIGN_OR_RETURN(
        made->table_,
        TableWriter::create(
            std::move(columns),
            [file = made->file_.get()](std::string_view b) { return file->write(b); }, options));
    return made;
  }

  TableWriter& table() { return *table_; }
  Result<void> finish() {
    SLUICE_RETURN_IF_ERROR(table_->finish());
    return file_->finish();
  }

 private:
  std::unique_ptr<WholeFile> file_;
  std::unique_ptr<TableWriter> table_;
};

}  // namespace sluice::parquet
