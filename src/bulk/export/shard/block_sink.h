// Output organised by instances (P-09): blocks of lines, each under a header, in files of bounded
// size.
#pragma once

#include <cstddef>
#include <memory>

#include "bulk/export/shard/record_sinks.h"

namespace sluice::bulk {

/// Bytes of a block that are kept in memory at most.
inline constexpr std::size_t kBlockBufferMax = 8u << 20;

/// Of records that come block by block. A block stands in one file when it fits into one; a larger
/// one goes on in further files, each of which begins with its header.
std::unique_ptr<RecordSink> make_block_sink(const SinkContext& context);

}  // namespace sluice::bulk
