// The index beside a seekable gzip file: where its blocks are (docs/formats.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "output/seekable_gzip.h"

namespace sluice::output {

/// Where a block begins: it ends where the next one begins.
struct GzipBlock {
  std::uint64_t uncompressed_offset = 0;
  std::uint64_t compressed_offset = 0;
  std::uint64_t first_line = 0;
};

struct GzipIndex {
  GzipFileInfo info;
  std::string identity;  ///< 16 random bytes
  std::vector<GzipBlock> blocks;
};

std::string serialize(const GzipIndex& index);
/// kCorrupt when the bytes are not a whole index whose offsets grow within its sizes.
Result<GzipIndex> parse_gzip_index(std::string_view bytes);

}  // namespace sluice::output
