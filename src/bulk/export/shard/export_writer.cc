#include "bulk/export/shard/export_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::bulk {

ExportWriter::ExportWriter(output::FileStore& files, std::string job_id, std::string stem,
                           const ExportRequest& request, const fhir::ElementsSelection* elements,
                           std::uint64_t file_size_max)
    : files_(files),
      job_id_(std::move(job_id)),
      stem_(std::move(stem)),
      elements_(elements),
      closed_(files) {
  // A file grows until the next line would pass the maximum, so it passes the minimum on its way.
  size_max_ = request.file_size_max.value_or(
      std::max(file_size_max, 2 * request.file_size_min.value_or(0)));
  if (request.sorts_blocks())
    sorter_.emplace(files_, job_id_, stem_, request);
  else if (request.organize_by)
    blocks_.emplace(files_, job_id_, stem_, size_max_);
}

Result<void> ExportWriter::begin_block(fhir::ResourceType type, std::string_view id) {
  if (!blocks_) blocks_.emplace(files_, job_id_, stem_, size_max_);
  return blocks_->begin(type, id);
}

Result<void> ExportWriter::append_to_block(std::string_view line) {
  return blocks_->append(line);
}

std::vector<RunFile> ExportWriter::take_runs() {
  return sorter_ ? sorter_->take_files() : std::vector<RunFile>();
}

Result<std::string_view> ExportWriter::block_line(fhir::ResourceType type, std::string_view line) {
  if (elements_ == nullptr || !elements_->applies_to(type)) return line;
  auto projector = block_projectors_.find(type);
  if (projector == block_projectors_.end())
    projector = block_projectors_.emplace(type, fhir::ElementsProjector(*elements_, type)).first;
  projected_.clear();
  SLUICE_CHECK(projector->second.project(line, projected_));
  return std::string_view(projected_);
}

Result<void> ExportWriter::append(fhir::ResourceType type, std::string_view id,
                                  std::string_view line) {
  if (sorter_) {
    if (!sorter_->may_take(type, line)) return {};
    SLUICE_TRY(const auto output, block_line(type, line));
    return sorter_->append(type, id, line, output);
  }
  if (blocks_) {
    SLUICE_TRY(const auto output, block_line(type, line));
    return blocks_->append(output);
  }
  if (!writer_ || type != type_ || kind_ != FileKind::kOutput)
    SLUICE_CHECK(open_for(type, FileKind::kOutput));
  if (!projector_) return write(line);
  projected_.clear();
  SLUICE_CHECK(projector_->project(line, projected_));
  return write(projected_);
}

Result<void> ExportWriter::append_other(FileKind kind, std::string_view line) {
  if (!writer_ || kind_ != kind) SLUICE_CHECK(open_for(fhir::types::kBundle, kind));
  return write(line);
}

Result<void> ExportWriter::write(std::string_view line) {
  // A resource larger than the maximum gets a file of its own (P-11).
  const auto& info = writer_->info();
  if (info.lines > 0 && info.uncompressed_size + line.size() + 1 > size_max_)
    SLUICE_CHECK(open_for(type_, kind_));
  return writer_->append_line(line);
}

Result<void> ExportWriter::open_for(fhir::ResourceType type, FileKind kind) {
  const bool same = writer_ && type == type_ && kind == kind_;
  SLUICE_CHECK(end_file());
  if (!same) {
    type_ = type;
    kind_ = kind;
    projector_.reset();
    if (elements_ != nullptr && kind == FileKind::kOutput && elements_->applies_to(type))
      projector_.emplace(*elements_, type);
  }
  // "Deleted" is no type, so that no type's files have such names.
  name_ = fmt::format("{}-{}-{:03}.ndjson", kind == FileKind::kDeleted ? "Deleted" : type_text(),
                      stem_, number_++);
  SLUICE_TRY(writer_, files_.create(job_id_, name_));
  return {};
}

std::string_view ExportWriter::type_text() const {
  if (kind_ == FileKind::kOutcome) return "OperationOutcome";
  return fhir::type_name(type_);
}

Result<void> ExportWriter::finish() {
  if (sorter_) SLUICE_CHECK(sorter_->finish());
  if (blocks_) {
    SLUICE_CHECK(blocks_->finish());
    for (auto& file : blocks_->take_files()) files_written_.push_back(std::move(file));
  }
  SLUICE_CHECK(end_file());
  return closed_.finish();
}

Result<void> ExportWriter::end_file() {
  if (!writer_) return {};
  SLUICE_TRY(const auto info, closed_.add(std::move(writer_)));
  files_written_.push_back(
      {name_, std::string(type_text()), info.lines, info.uncompressed_size, kind_});
  return {};
}

}  // namespace sluice::bulk
