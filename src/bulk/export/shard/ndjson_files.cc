#include "bulk/export/shard/ndjson_files.h"

#include <utility>

namespace sluice::bulk {

Result<void> NdjsonFiles::begin(FileKind kind, std::string_view prefix, std::string_view type) {
  SLUICE_RETURN_IF_ERROR(end());
  kind_ = kind;
  prefix_ = prefix;
  type_ = type;
  return open();
}

Result<void> NdjsonFiles::append(std::string_view line) {
  // A line larger than the maximum gets a file of its own (P-11).
  const auto& info = writer_->info();
  if (info.lines > 0 && info.uncompressed_size + line.size() + 1 > size_max_) {
    SLUICE_RETURN_IF_ERROR(end());
    SLUICE_RETURN_IF_ERROR(open());
  }
  return writer_->append_line(line);
}

Result<void> NdjsonFiles::open() {
  name_ = files_.next_name(prefix_);
  SLUICE_ASSIGN_OR_RETURN(writer_, files_.create(name_));
  return {};
}

Result<void> NdjsonFiles::end() {
  if (!writer_) return {};
  OutputFile file;
  file.name = name_;
  file.type = type_;
  file.kind = kind_;
  return files_.close(std::move(writer_), std::move(file));
}

Result<void> MessageFiles::append(FileKind kind, std::string_view line) {
  if (kind != kind_) {
    // "Deleted" is no type, so that no type's files have such names.
    SLUICE_RETURN_IF_ERROR(kind == FileKind::kDeleted
                               ? lines_.begin(kind, "Deleted", "Bundle")
                               : lines_.begin(kind, "OperationOutcome", "OperationOutcome"));
    kind_ = kind;
  }
  return lines_.append(line);
}

}  // namespace sluice::bulk
