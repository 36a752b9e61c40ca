#include "bulk/export/shard/record_sinks.h"

#include <algorithm>
#include <array>

#include "bulk/export/request/export_phases.h"
#include "bulk/export/shard/block_sink.h"
#include "bulk/export/shard/ndjson_sink.h"
#include "bulk/export/shard/parquet_sink.h"
#include "bulk/export/shard/sorted_block_sink.h"
#include "bulk/export/shard/view_sink.h"

namespace sluice::bulk {
namespace {

struct SinkKind {
  bool (*takes)(const SinkContext& context);
  std::unique_ptr<RecordSink> (*make)(const SinkContext& context);
};

bool sorts_blocks(const SinkContext& context) {
  return context.request.sorts_blocks() && context.phase != kBlocksPhase;
}

bool writes_blocks(const SinkContext& context) {
  return context.request.organize_by.has_value();
}

bool writes_tables(const SinkContext& context) {
  return context.request.tables.has_value();
}

bool writes_parquet(const SinkContext& context) {
  return context.request.output_format == OutputFormat::kParquet;
}

bool takes_all(const SinkContext&) {
  return true;
}

// The first that takes it writes it. A new form of output is a line here.
constexpr std::array kSinks{
    SinkKind{writes_tables, make_view_sink},  SinkKind{sorts_blocks, make_sorted_block_sink},
    SinkKind{writes_blocks, make_block_sink}, SinkKind{writes_parquet, make_parquet_sink},
    SinkKind{takes_all, make_ndjson_sink},
};

}  // namespace

std::unique_ptr<RecordSink> make_sink(const SinkContext& context) {
  const auto* const kind = std::find_if(kSinks.begin(), kSinks.end(),
                                        [&](const SinkKind& each) { return each.takes(context); });
  return kind->make(context);
}

std::uint64_t file_size_max(const ExportRequest& request, std::uint64_t preferred) {
  // A file grows until the next line would pass the maximum, so it passes the minimum on its way.
  return request.file_size_max.value_or(std::max(preferred, 2 * request.file_size_min.value_or(0)));
}

}  // namespace sluice::bulk
