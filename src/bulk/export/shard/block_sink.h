// Output organised by instances (P-09): blocks of lines, each under a header, in files of bounded
// size.
#pragma once

#include <cstddef>
#include <memory>

#include "bulk/export/shard/record_sinks.h"

namespace sluice::bulk {

/// The most bytes of a block in memory.
inline constexpr std::size_t kBlockBufferMax = 8u << 20;

/// The sink for records that come block by block. A block that fits into one file is not split; a
/// larger one continues in further files, each of which begins with its header.
std::unique_ptr<RecordSink> make_block_sink(const SinkContext& context);

}  // namespace sluice::bulk
