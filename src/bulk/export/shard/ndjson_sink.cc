#include "bulk/export/shard/ndjson_sink.h"

#include "bulk/export/shard/ndjson_files.h"

namespace sluice::bulk {
namespace {

class NdjsonSink final : public RecordSink {
 public:
  explicit NdjsonSink(const SinkContext& context) : lines_(context.files, context.size_max) {}

  // A type's file is opened with its first line.
  Result<void> append(const OutputRecord& record) override {
    if (record.type != type_) {
      const std::string_view name = fhir::type_name(record.type);
      SLUICE_RETURN_IF_ERROR(lines_.begin(FileKind::kOutput, name, name));
      type_ = record.type;
    }
    return lines_.append(record.line);
  }

  Result<void> finish() override { return lines_.end(); }

 private:
  NdjsonFiles lines_;
  fhir::ResourceType type_;  // of the current file; none has the number 0
};

}  // namespace

std::unique_ptr<RecordSink> make_ndjson_sink(const SinkContext& context) {
  return std::make_unique<NdjsonSink>(context);
}

}  // namespace sluice::bulk
