// Whatever the bytes of an index are: no crash, and what is accepted has blocks that a reader can
// rely on and is written back as it was.
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>

#include "base/bytes.h"
#include "output/gzip_index.h"

namespace {

using namespace sluice::output;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_blocks(const GzipIndex& index) {
  const auto& info = index.info;
  require(index.identity.size() == 16);
  if (info.uncompressed_size == 0) return require(index.blocks.size() <= 1);
  require(!index.blocks.empty());
  for (std::size_t i = 0; i < index.blocks.size(); ++i) {
    const bool is_last = i + 1 == index.blocks.size();
    const auto& block = index.blocks[i];
    const auto end = is_last ? info.uncompressed_size : index.blocks[i + 1].uncompressed_offset;
    const auto end_compressed =
        is_last ? info.compressed_size : index.blocks[i + 1].compressed_offset;
    require(end > block.uncompressed_offset && end_compressed > block.compressed_offset);
    const auto size = end - block.uncompressed_offset;
    require(size <= std::numeric_limits<std::uint32_t>::max());
    require(size / 1040 <= end_compressed - block.compressed_offset);
    require(block.first_line < info.lines);
  }
}

void check(const std::string& bytes) {
  const auto index = parse_gzip_index(bytes);
  if (!index) return;
  check_blocks(*index);
  if (index->has_checksums) require(serialize(*index) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  // A checksum is never found by chance: put the right one behind, with the right beginning too.
  for (const char* magic : {"SLGZIDX1", "SLGZIDX2"}) {
    std::string sealed = bytes;
    sealed.replace(0, std::min<std::size_t>(8, sealed.size()), magic);
    sluice::append_be32(sealed, crc32(0, sealed));
    check(sealed);
  }
  const auto header = parse_header({reinterpret_cast<const char*>(data), size}, size);
  if (header && *header) {
    check_blocks(**header);
    constexpr std::size_t kDataCrc = kIndexedHeaderSize - 8;
    if ((*header)->has_checksums)
      require(serialize_header(**header,
                               sluice::read_be32(reinterpret_cast<const char*>(data) + kDataCrc)) ==
              std::string(reinterpret_cast<const char*>(data), kIndexedHeaderSize));
  }
  return 0;
}
