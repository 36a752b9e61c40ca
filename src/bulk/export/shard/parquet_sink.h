// Output as Parquet: tables of one type each, with the resource as JSON beside what it is known by.
#pragma once

#include <memory>

#include "bulk/export/shard/record_sinks.h"

namespace sluice::bulk {

std::unique_ptr<RecordSink> make_parquet_sink(const SinkContext& context);

}  // namespace sluice::bulk
