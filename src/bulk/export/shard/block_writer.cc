#include "bulk/export/shard/block_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "fhir/resource_type.h"

namespace sluice::bulk {

BlockWriter::BlockWriter(output::FileStore& files, std::string job_id, std::string stem,
                         std::uint64_t size_max)
    : files_(files),
      job_id_(std::move(job_id)),
      stem_(std::move(stem)),
      size_max_(size_max),
      closed_(files) {}

Result<void> BlockWriter::begin(fhir::ResourceType type, std::string_view id) {
  SLUICE_CHECK(end_block());
  header_ = fmt::format(
      R"({{"resourceType":"Parameters","parameter":[{{"name":"header","valueReference":{{"reference":"{}/{}"}}}}]}})",
      fhir::type_name(type), id);
  return {};
}

Result<void> BlockWriter::append(std::string_view line) {
  if (writes_through_) return write_through(line);
  if (buffer_.empty()) buffer_.append(header_) += '\n';
  buffer_.append(line) += '\n';
  if (buffer_.size() <= std::min<std::uint64_t>(size_max_, kBufferMax)) return {};
  // A block of unknown size begins a file, so that it is split only if it is larger than a file.
  if (writer_ && writer_->info().lines > 0) SLUICE_CHECK(close());
  writes_through_ = true;
  return write_buffered();
}

Result<void> BlockWriter::end_block() {
  if (!writes_through_ && !buffer_.empty()) {
    if (writer_ && writer_->info().uncompressed_size + buffer_.size() > size_max_)
      SLUICE_CHECK(close());
    SLUICE_CHECK(write_buffered());
  }
  writes_through_ = false;
  return {};
}

Result<void> BlockWriter::write_buffered() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    SLUICE_CHECK(write_through(rest.substr(0, end)));
    if (rest.size() == buffer_.size()) ++headers_;  // the first line
    rest.remove_prefix(end + 1);
  }
  buffer_.clear();
  return {};
}

Result<void> BlockWriter::write_through(std::string_view line) {
  if (!writer_) SLUICE_CHECK(open());
  const auto& info = writer_->info();
  // Behind a header there is at least one resource, whatever its size (P-11).
  if (writes_through_ && info.lines > 1 && info.uncompressed_size + line.size() + 1 > size_max_) {
    SLUICE_CHECK(close());
    SLUICE_CHECK(open());
    files_written_.back().continues_in = name_;
    SLUICE_CHECK(writer_->append_line(header_));
    ++headers_;
  }
  return writer_->append_line(line);
}

Result<void> BlockWriter::open() {
  name_ = fmt::format("Block-{}-{:03}.ndjson", stem_, number_++);
  SLUICE_TRY(writer_, files_.create(job_id_, name_));
  return {};
}

Result<void> BlockWriter::close() {
  SLUICE_TRY(const auto info, closed_.add(std::move(writer_)));
  OutputFile file;
  file.name = name_;
  // A header is no resource that was asked for (M-03).
  file.count = info.lines - std::exchange(headers_, 0);
  file.size = info.uncompressed_size;
  files_written_.push_back(std::move(file));
  return {};
}

Result<void> BlockWriter::finish() {
  SLUICE_CHECK(end_block());
  if (writer_) SLUICE_CHECK(close());
  return closed_.finish();
}

}  // namespace sluice::bulk
