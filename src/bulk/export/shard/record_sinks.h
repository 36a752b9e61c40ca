// The forms of output of an export.
#pragma once

#include <cstdint>
#include <memory>

#include "bulk/export/request/export_request.h"
#include "bulk/export/shard/record_sink.h"
#include "bulk/export/shard/shard_files.h"

namespace sluice::bulk {

/// What a sink is made of; all of it must outlive the sink.
struct SinkContext {
  ShardFiles& files;
  const ExportRequest& request;
  unsigned phase = 0;          ///< see export_phases.h
  std::uint64_t size_max = 0;  ///< bytes that a file has at most, unless one record is larger
};

/// The sink for what a shard of that phase finds.
std::unique_ptr<RecordSink> make_sink(const SinkContext& context);

/// The most bytes of NDJSON in a file, by the request and what the server prefers.
std::uint64_t file_size_max(const ExportRequest& request, std::uint64_t preferred);

}  // namespace sluice::bulk
