// The index of a seekable gzip file: where its blocks are (docs/formats.md). A file of one block
// carries it in the gzip header, as the subfield "SL" of the extra field; other files have it in a
// file beside them, because it is not known when the header is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
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
  friend bool operator==(const GzipBlock&, const GzipBlock&) = default;
};

struct GzipIndex {
  GzipFileInfo info;
  std::string identity;  ///< 16 random bytes
  std::vector<GzipBlock> blocks;
};

std::string serialize(const GzipIndex& index);
/// kCorrupt when the bytes are not a whole index whose offsets grow within its sizes, or a block is
/// larger than deflate can make it.
Result<GzipIndex> parse_gzip_index(std::string_view bytes);

/// Size of the gzip header that begins a file with its index inside.
inline constexpr std::size_t kIndexedHeaderSize = 10 + 2 + 4 + 16 + 2 * 8;

/// The gzip header of a file that is one block or empty, with `identity`, lines and uncompressed
/// size in its extra field.
std::string serialize_header(const GzipIndex& index);
/// The index in the first kIndexedHeaderSize bytes of a file of `compressed_size` bytes; nullopt
/// when the header has none. kCorrupt when it has an impossible one.
Result<std::optional<GzipIndex>> parse_header(std::string_view bytes,
                                              std::uint64_t compressed_size);

}  // namespace sluice::output
