#include "bulk/export/shard/parquet_sink.h"

#include <string>
#include <utility>

#include "parquet/table_writer.h"

namespace sluice::bulk {
namespace {

// docs/formats.md has them too: a client relies on names and types.
enum : std::size_t { kId, kLastUpdated, kVersion, kPatient, kResource };

std::vector<parquet::Column> columns() {
  return {{.name = "id", .repeats = false},
          {.name = "last_updated", .type = parquet::Type::kTimestamp},
          {.name = "version", .type = parquet::Type::kInt32},
          {.name = "patient"},
          {.name = "resource", .repeats = false}};
}

class ParquetSink final : public RecordSink {
 public:
  explicit ParquetSink(const SinkContext& context)
      : files_(context.files), size_max_(context.size_max) {}

  // The size of a file is that of the same records as NDJSON, so that both forms are cut alike.
  Result<void> append(const OutputRecord& record) override {
    const std::uint64_t size = record.line.size() + 1;
    // A resource larger than the maximum gets a file of its own (P-11).
    if (record.type != type_ || size_ + size > size_max_) {
      SLUICE_RETURN_IF_ERROR(finish());
      SLUICE_RETURN_IF_ERROR(open(record.type));
    }
    size_ += size;
    table_->add_text(kId, record.id);
    table_->add_integer(kLastUpdated, record.last_updated.milliseconds * 1000);
    table_->add_integer(kVersion, record.version);
    if (!record.owner.empty()) table_->add_text(kPatient, record.owner);
    table_->add_text(kResource, record.line);
    return table_->end_row();
  }

  Result<void> finish() override {
    if (!table_) return {};
    SLUICE_RETURN_IF_ERROR(table_->finish());
    OutputFile file;
    file.name = name_;
    file.type = fhir::type_name(type_);
    file.count = table_->rows();
    table_.reset();
    return files_.close_raw(std::move(writer_), std::move(file));
  }

 private:
  Result<void> open(fhir::ResourceType type) {
    type_ = type;
    size_ = 0;
    name_ = files_.next_name(fhir::type_name(type), "parquet");
    SLUICE_ASSIGN_OR_RETURN(writer_, files_.create_raw(name_));
    SLUICE_ASSIGN_OR_RETURN(
        table_,
        parquet::TableWriter::create(columns(), [writer = writer_.get()](std::string_view bytes) {
          return writer->append(bytes);
        }));
    return {};
  }

  ShardFiles& files_;
  const std::uint64_t size_max_;
  fhir::ResourceType type_;  // of the current file; none has the number 0
  std::uint64_t size_ = 0;   // of its records as NDJSON
  std::string name_;
  std::unique_ptr<output::RawFileWriter> writer_;
  std::unique_ptr<parquet::TableWriter> table_;  // writes into writer_
};

}  // namespace

std::unique_ptr<RecordSink> make_parquet_sink(const SinkContext& context) {
  return std::make_unique<ParquetSink>(context);
}

}  // namespace sluice::bulk
