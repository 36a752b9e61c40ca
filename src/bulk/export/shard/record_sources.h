// The table of sources: the ways in which an export finds records.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/export_scope.h"
#include "bulk/export/shard/record_source.h"
#include "bulk/export/shard/shard_inputs.h"
#include "bulk/export/shard/shard_progress.h"
#include "output/file_store.h"
#include "store/store.h"

namespace sluice::bulk {

/// What the sources of a shard read from. All of it must outlive them.
struct SourceContext {
  const store::Store& store;
  output::FileStore& files;
  const std::string& job_id;
  const std::string& stem;  ///< of the names of the shard's files
  const PreparedExport& prepared;
  const ExportScope& scope;
  const ShardInputs& inputs;
  ShardProgress& progress;
  ProvenanceCollector* provenances = nullptr;    ///< segments that find Provenances
  const ClosedReferences* supporting = nullptr;  ///< kSupporting: the resources to read

  Result<std::unique_ptr<store::Scan>> scan(const store::KeyRange& range) const {
    return store.scan(range, prepared.snapshot.sequence);
  }
  Result<std::optional<store::Record>> read(const fhir::ResourceId& key) const {
    return store.read(key, prepared.snapshot.sequence);
  }
  Result<void> step(std::uint64_t bytes) const { return progress.step(bytes); }
  AgeRule age_of(std::string_view owners) const { return age_rule(scope.is_of_new_member(owners)); }
};

/// How many of the segments, from the first, one source reads.
std::size_t segments_of_source(std::span<const Segment> segments);

/// The source of that many segments. kCorrupt when their mode has no source.
Result<std::unique_ptr<RecordSource>> make_source(const SourceContext& context,
                                                  std::span<const Segment> segments);

}  // namespace sluice::bulk
