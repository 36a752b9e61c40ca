// The table of output formats of an export.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>

#include "bulk/export/request/export_request.h"
#include "bulk/export/shard/ndjson_files.h"
#include "bulk/export/shard/record_sink.h"
#include "bulk/export/shard/shard_files.h"
#include "table/view.h"

namespace sluice::bulk {

/// What a sink is made of; all of it must outlive the sink.
struct SinkContext {
  ShardFiles& files;
  const ExportRequest& request;
  unsigned phase = 0;                       ///< see export_phases.h
  std::uint64_t size_max = 0;               ///< most bytes of a file, unless one record is larger
  std::span<const table::View> views = {};  ///< of the request's tables
  MessageFiles* messages = nullptr;         ///< for faults that are told, of TablesRequest
  std::stop_token stop = {};                ///< ends a record whose rows take long
};

/// The sink for the records of a shard of that phase.
std::unique_ptr<RecordSink> make_sink(const SinkContext& context);

/// The most bytes of NDJSON in a file, by the request and the server's setting.
std::uint64_t file_size_max(const ExportRequest& request, std::uint64_t preferred);

}  // namespace sluice::bulk
