// The end of an export's pipeline: a sink writes records in one form of output. record_sinks.cc
// says which request gets which.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "bulk/export/plan/export_shard.h"
#include "fhir/resource_type.h"

namespace sluice::bulk {

/// An exported record. Views: a sink must not keep them.
struct OutputRecord {
  fhir::ResourceType type;
  std::string_view id;
  std::string_view resource;  ///< the whole resource, as stored
  std::string_view line;      ///< the exported part of it
  // What it is known by; not for records of sorted runs.
  std::string_view owner = {};  ///< the patient it is stored with; empty for none
  Instant last_updated = {};
  std::uint32_t version = 0;
};

/// Writes into the shard's files (see shard_files.h). Not thread-safe.
class RecordSink {
 public:
  RecordSink() = default;
  RecordSink(const RecordSink&) = delete;
  RecordSink& operator=(const RecordSink&) = delete;
  virtual ~RecordSink() = default;

  virtual Result<void> append(const OutputRecord& record) = 0;
  /// In an export that is organised by instances: the next records belong to this one.
  virtual Result<void> begin_block(fhir::ResourceType, std::string_view) { return {}; }
  /// Ends the current file. The caller must still finish the shard's files.
  virtual Result<void> finish() = 0;
  /// The runs that a later phase merges; after finish().
  virtual std::vector<RunFile> take_runs() { return {}; }
};

}  // namespace sluice::bulk
