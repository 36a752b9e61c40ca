// The output side of a shard: filtered lines of one type after another into files of bounded size.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/export_request.h"
#include "bulk/export/shard/block_sorter.h"
#include "bulk/export/shard/block_writer.h"
#include "fhir/elements.h"
#include "output/closed_files.h"
#include "output/file_store.h"

namespace sluice::bulk {

/// Writes the files of one shard. One thread.
class ExportWriter {
 public:
  /// `stem` makes the names unique within the job: "<Type>-<stem>-<number>". `elements` may be
  /// null.
  ExportWriter(output::FileStore& files, std::string job_id, std::string stem,
               const ExportRequest& request, const fhir::ElementsSelection* elements,
               std::uint64_t file_size_max);

  /// Appends a resource's line, projected to the elements; the type's file is opened with its first
  /// line, and a new one when this line would make it too large.
  Result<void> append(fhir::ResourceType type, std::string_view id, std::string_view line);
  /// In an export that is organised by instances: what is appended next refers to this one.
  Result<void> begin_block(fhir::ResourceType type, std::string_view id);
  /// A line of that block as it goes out.
  Result<void> append_to_block(std::string_view line);
  /// Appends a line that is not a resource of the export: kDeleted or kOutcome.
  Result<void> append_other(FileKind kind, std::string_view line);
  /// Bytes of NDJSON that a file has at most.
  std::uint64_t size_max() const { return size_max_; }
  /// Ends the current file. Everything appended is durable afterwards.
  Result<void> finish();
  /// What was written; after finish().
  std::vector<OutputFile> take_files() { return std::move(files_written_); }
  /// The runs of blocks that are put together by sorting; after finish().
  std::vector<RunFile> take_runs();

 private:
  Result<void> end_file();
  Result<void> open_for(fhir::ResourceType type, FileKind kind);
  Result<std::string_view> block_line(fhir::ResourceType type, std::string_view line);
  Result<void> write(std::string_view line);
  std::string_view type_text() const;

  output::FileStore& files_;
  const std::string job_id_;
  const std::string stem_;
  const fhir::ElementsSelection* elements_;
  std::uint64_t size_max_;
  std::unique_ptr<output::SeekableGzipWriter> writer_;
  fhir::ResourceType type_;
  FileKind kind_ = FileKind::kOutput;
  unsigned number_ = 0;
  std::string name_;
  std::optional<fhir::ElementsProjector> projector_;
  std::string projected_;
  std::optional<BlockWriter> blocks_;
  std::optional<BlockSorter> sorter_;
  // Types follow each other quickly in blocks, and making a projector takes time.
  std::map<fhir::ResourceType, fhir::ElementsProjector> block_projectors_;
  output::ClosedFiles closed_;
  std::vector<OutputFile> files_written_;
};

}  // namespace sluice::bulk
