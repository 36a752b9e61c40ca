// The index of a seekable gzip file: where its blocks are (docs/formats.md). A file of one block
// has it in the gzip header, as the subfield "SL" of the extra field; other files have it in a file
// beside them, because it is not known when the header is written.
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

/// Where a block begins: it ends where the next one begins. The first begins with the gzip header,
/// the last ends with the trailer, so that blocks are all of the file.
struct GzipBlock {
  std::uint64_t uncompressed_offset = 0;
  std::uint64_t compressed_offset = 0;
  std::uint64_t first_line = 0;
  std::uint32_t content_crc = 0;  ///< CRC-32 of what it inflates to
  std::uint32_t stored_crc = 0;   ///< CRC-32 of its bytes in the file
  friend bool operator==(const GzipBlock&, const GzipBlock&) = default;
};

struct GzipIndex {
  GzipFileInfo info;
  std::string identity;  ///< 16 random bytes
  std::vector<GzipBlock> blocks;
  /// Not gzip: what is in the file is the content. Blocks have no lines then, one offset and one
  /// checksum.
  bool is_raw = false;
  /// Whether the checksums of the blocks count: version 1 had none.
  bool has_checksums = true;

  std::uint64_t end_of_content(std::size_t block) const {
    return block + 1 == blocks.size() ? info.uncompressed_size
                                      : blocks[block + 1].uncompressed_offset;
  }
  std::uint64_t end_in_file(std::size_t block) const {
    return block + 1 == blocks.size() ? info.compressed_size : blocks[block + 1].compressed_offset;
  }
};

/// CRC-32 of RFC 1952 of bytes whose CRC-32 is `crc`, followed by `bytes`.
std::uint32_t crc32(std::uint32_t crc, std::string_view bytes);
/// CRC-32 of two pieces by theirs; the second has `size` bytes.
std::uint32_t joined_crc32(std::uint32_t first, std::uint32_t second, std::uint64_t size);

/// The gzip header of a file whose index is beside it.
std::string_view plain_header();
/// The gzip trailer: checksum and size of the content.
std::string trailer(std::uint32_t content_crc, std::uint64_t uncompressed_size);

std::string serialize(const GzipIndex& index);
/// kCorrupt when the bytes are not a whole index whose offsets grow within its sizes, or a block is
/// larger than deflate can make it; of a raw file, when it has two offsets or checksums.
Result<GzipIndex> parse_gzip_index(std::string_view bytes);

/// Size of the gzip header that begins a file with its index inside.
inline constexpr std::size_t kIndexedHeaderSize = 10 + 2 + 4 + 16 + 2 * 8 + 2 * 4;

/// The gzip header of a file that is one block or empty, with `identity`, lines, uncompressed size
/// and `data_crc`, the CRC-32 of all bytes after the header, in its extra field.
std::string serialize_header(const GzipIndex& index, std::uint32_t data_crc);
/// The index in the first kIndexedHeaderSize bytes of a file of `compressed_size` bytes; nullopt
/// when the header has none. kCorrupt when it is damaged or has an impossible one. Of a file that
/// version 2 wrote there is one block, also when it is empty; its content_crc is not known.
Result<std::optional<GzipIndex>> parse_header(std::string_view bytes,
                                              std::uint64_t compressed_size);

}  // namespace sluice::output
