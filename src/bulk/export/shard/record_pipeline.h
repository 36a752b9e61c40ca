// The pipeline of every record of an export: filter, transforms, sink.
#pragma once

#include "bulk/export/shard/record_filter.h"
#include "bulk/export/shard/record_sink.h"
#include "bulk/export/shard/record_source.h"
#include "bulk/export/shard/record_transform.h"

namespace sluice::bulk {

/// Not thread-safe. All parts must outlive it.
class RecordPipeline final : public RecordVisitor {
 public:
  RecordPipeline(RecordFilter& filter, TransformChain& transforms, RecordSink& sink)
      : filter_(filter), transforms_(transforms), sink_(sink) {}

  Result<void> visit(const store::RecordView& record, AgeRule age) override {
    SLUICE_ASSIGN_OR_RETURN(const bool passes, filter_.passes(record, age));
    if (!passes) return {};
    SLUICE_ASSIGN_OR_RETURN(const std::string_view line, transforms_.apply(record));
    return sink_.append({record.type, record.id, record.json, line, record.owner,
                         record.last_updated, record.version});
  }

  Result<void> begin_patient(std::string_view patient) override {
    return sink_.begin_block(fhir::types::kPatient, patient);
  }

 private:
  RecordFilter& filter_;
  TransformChain& transforms_;
  RecordSink& sink_;
};

}  // namespace sluice::bulk
