#include "bulk/export/shard/block_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace sluice::bulk {
namespace {

class BlockSink final : public RecordSink {
 public:
  explicit BlockSink(const SinkContext& context)
      : files_(context.files), size_max_(context.size_max) {}

  /// Ends the current block; the header of the next is written with its first line.
  Result<void> begin_block(fhir::ResourceType type, std::string_view id) override {
    SLUICE_RETURN_IF_ERROR(end_block());
    header_ = fmt::format(
        R"({{"resourceType":"Parameters","parameter":[{{"name":"header","valueReference":{{"reference":"{}/{}"}}}}]}})",
        fhir::type_name(type), id);
    return {};
  }

  Result<void> append(const OutputRecord& record) override {
    if (writes_through_) return write_through(record.line);
    if (buffer_.empty()) buffer_.append(header_) += '\n';
    buffer_.append(record.line) += '\n';
    if (buffer_.size() <= std::min<std::uint64_t>(size_max_, kBlockBufferMax)) return {};
    // A block of unknown size begins a file, so that it is split only if it is larger than a file.
    if (writer_ && writer_->info().lines > 0) SLUICE_RETURN_IF_ERROR(close({}));
    writes_through_ = true;
    return write_buffered();
  }

  Result<void> finish() override {
    SLUICE_RETURN_IF_ERROR(end_block());
    return writer_ ? close({}) : Result<void>();
  }

 private:
  Result<void> end_block() {
    if (!writes_through_ && !buffer_.empty()) {
      if (writer_ && writer_->info().uncompressed_size + buffer_.size() > size_max_)
        SLUICE_RETURN_IF_ERROR(close({}));
      SLUICE_RETURN_IF_ERROR(write_buffered());
    }
    writes_through_ = false;
    return {};
  }

  Result<void> write_buffered() {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      SLUICE_RETURN_IF_ERROR(write_through(rest.substr(0, end)));
      if (rest.size() == buffer_.size()) ++headers_;  // the first line
      rest.remove_prefix(end + 1);
    }
    buffer_.clear();
    return {};
  }

  Result<void> write_through(std::string_view line) {
    if (!writer_) SLUICE_RETURN_IF_ERROR(open(files_.next_name(kPrefix)));
    const auto& info = writer_->info();
    // Behind a header there is at least one resource, whatever its size (P-11).
    if (writes_through_ && info.lines > 1 && info.uncompressed_size + line.size() + 1 > size_max_) {
      const std::string next = files_.next_name(kPrefix);
      SLUICE_RETURN_IF_ERROR(close(next));
      SLUICE_RETURN_IF_ERROR(open(next));
      SLUICE_RETURN_IF_ERROR(writer_->append_line(header_));
      ++headers_;
    }
    return writer_->append_line(line);
  }

  Result<void> open(std::string name) {
    name_ = std::move(name);
    SLUICE_ASSIGN_OR_RETURN(writer_, files_.create(name_));
    return {};
  }

  // `continues_in`: the file in which the last block goes on.
  Result<void> close(const std::string& continues_in) {
    OutputFile file;
    file.name = name_;
    file.continues_in = continues_in;
    // A header is no resource that was asked for (M-03).
    return files_.close(std::move(writer_), std::move(file), std::exchange(headers_, 0));
  }

  static constexpr std::string_view kPrefix = "Block";

  ShardFiles& files_;
  const std::uint64_t size_max_;
  std::unique_ptr<output::SeekableGzipWriter> writer_;
  std::string name_;
  std::string header_;
  std::uint64_t headers_ = 0;    // header lines of the current file
  std::string buffer_;           // lines of the current block, with its header
  bool writes_through_ = false;  // the block is too large for the buffer
};

}  // namespace

std::unique_ptr<RecordSink> make_block_sink(const SinkContext& context) {
  return std::make_unique<BlockSink>(context);
}

}  // namespace sluice::bulk
