// The default output, by resource type: NDJSON files, each of one
// type.
#pragma once

#include <memory>

#include "bulk/export/shard/record_sinks.h"

namespace sluice::bulk {

std::unique_ptr<RecordSink> make_ndjson_sink(const SinkContext& context);

}  // namespace sluice::bulk
