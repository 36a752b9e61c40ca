#include "output/gzip_index.h"

#include <isa-l/crc.h>

#include "base/bytes.h"

namespace sluice::output {
namespace {

constexpr std::string_view kMagic = "SLGZIDX1";
constexpr std::size_t kIdentity = 16;
constexpr std::size_t kHeader = 8 + kIdentity + 4 * 8;
constexpr std::size_t kBlock = 3 * 8;

std::uint32_t checksum(std::string_view bytes) {
  return crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

}  // namespace

std::string serialize(const GzipIndex& index) {
  std::string out(kMagic);
  out += index.identity;
  append_be64(out, index.info.lines);
  append_be64(out, index.info.uncompressed_size);
  append_be64(out, index.info.compressed_size);
  append_be64(out, index.blocks.size());
  for (const auto& block : index.blocks) {
    append_be64(out, block.uncompressed_offset);
    append_be64(out, block.compressed_offset);
    append_be64(out, block.first_line);
  }
  append_be32(out, checksum(out));
  return out;
}

Result<GzipIndex> parse_gzip_index(std::string_view bytes) {
  const Error bad = corrupt("the index of an output file is damaged");
  if (bytes.size() < kHeader + 4 || !bytes.starts_with(kMagic)) return bad;
  const auto body = bytes.substr(0, bytes.size() - 4);
  if (read_be32(bytes.data() + body.size()) != checksum(body)) return bad;
  GzipIndex index;
  index.identity = body.substr(8, kIdentity);
  const char* p = body.data() + 8 + kIdentity;
  index.info.lines = read_be64(p);
  index.info.uncompressed_size = read_be64(p + 8);
  index.info.compressed_size = read_be64(p + 16);
  const std::uint64_t count = read_be64(p + 24);
  if (count != (body.size() - kHeader) / kBlock || (body.size() - kHeader) % kBlock != 0)
    return bad;
  p = body.data() + kHeader;
  GzipBlock last;
  for (std::uint64_t i = 0; i < count; ++i, p += kBlock) {
    const GzipBlock block{read_be64(p), read_be64(p + 8), read_be64(p + 16)};
    const bool grows = i == 0 ? block.uncompressed_offset == 0 && block.first_line == 0
                              : block.uncompressed_offset > last.uncompressed_offset &&
                                    block.compressed_offset > last.compressed_offset &&
                                    block.first_line > last.first_line;
    if (!grows || block.uncompressed_offset >= index.info.uncompressed_size ||
        block.compressed_offset >= index.info.compressed_size ||
        block.first_line >= index.info.lines)
      return bad;
    index.blocks.push_back(block);
    last = block;
  }
  if ((count == 0) != (index.info.uncompressed_size == 0)) return bad;
  return index;
}

}  // namespace sluice::output
