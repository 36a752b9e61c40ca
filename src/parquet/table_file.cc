#include "parquet/table_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace sluice::parquet {

TableFile::TableFile(std::filesystem::path path)
    : path_(std::move(path)), part_(path_.string() + ".part") {}

TableFile::~TableFile() {
  table_.reset();
  if (fd_ && !finished_) ::unlink(part_.c_str());
}

Result<std::unique_ptr<TableFile>> TableFile::create(std::filesystem::path path,
                                                     std::vector<Column> columns,
                                                     const TableOptions& options) {
  std::unique_ptr<TableFile> file(new TableFile(std::move(path)));
  SLUICE_ASSIGN_OR_RETURN(file->fd_, create_file(file->part_));
  const auto write = [self = file.get()](std::string_view bytes) {
    return write_all(self->fd_.get(), bytes, self->part_);
  };
  SLUICE_ASSIGN_OR_RETURN(file->table_, TableWriter::create(std::move(columns), write, options));
  return file;
}

Result<void> TableFile::finish() {
  SLUICE_RETURN_IF_ERROR(table_->finish());
  SLUICE_RETURN_IF_ERROR(sync_file(fd_.get(), part_));
  if (::rename(part_.c_str(), path_.c_str()) != 0)
    return errno_error("cannot rename", part_, errno);
  finished_ = true;
  const auto folder = path_.parent_path();
  return sync_folder(folder.empty() ? "." : folder);
}

}  // namespace sluice::parquet
