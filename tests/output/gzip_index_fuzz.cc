// Whatever the bytes of an index are: no crash, and what is accepted has blocks that a reader can
// rely on and is written back as it was.
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>

#include "base/bytes.h"
#include "output/gzip_index.h"

#include <isa-l/crc.h>

namespace {

using namespace sluice::output;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_blocks(const GzipIndex& index) {
  const auto& info = index.info;
  require(index.identity.size() == 16);
  require(index.blocks.empty() == (info.uncompressed_size == 0));
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
  require(serialize(*index) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  // A checksum is never found by chance: put the right one behind, with the right beginning too.
  bytes.replace(0, std::min<std::size_t>(8, bytes.size()), "SLGZIDX1");
  sluice::append_be32(
      bytes,
      crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
  check(bytes);
  const auto header = parse_header({reinterpret_cast<const char*>(data), size}, size);
  if (header && *header) {
    check_blocks(**header);
    require(serialize_header(**header) ==
            std::string(reinterpret_cast<const char*>(data), kIndexedHeaderSize));
  }
  return 0;
}
