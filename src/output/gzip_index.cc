#include "output/gzip_index.h"

#include <isa-l/crc.h>

#include <limits>

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

// RFC 1952: magic, deflate, FEXTRA, no time, no hints, Unix; the extra field's size and the
// subfield's name and size, both with the low byte first.
constexpr std::string_view kGzipStart("\x1f\x8b\x08\x04\0\0\0\0\0\x03", 10);
constexpr char kSubfieldSize = kIdentity + 2 * 8;
constexpr char kExtra[] = {kSubfieldSize + 4, 0, 'S', 'L', kSubfieldSize, 0};
static_assert(kIndexedHeaderSize == kGzipStart.size() + sizeof kExtra + kSubfieldSize);

// Deflate packs 1032 to 1 at best, and isal counts in 32 bits: a block that claims more is not
// ours, and would cost memory.
bool is_possible_block(std::uint64_t uncompressed, std::uint64_t compressed) {
  return uncompressed <= std::numeric_limits<std::uint32_t>::max() &&
         compressed <= std::numeric_limits<std::uint32_t>::max() &&
         uncompressed <= compressed * 1040;
}

bool follows(const GzipBlock& block, const GzipBlock& next) {
  return next.uncompressed_offset > block.uncompressed_offset &&
         next.compressed_offset > block.compressed_offset && next.first_line > block.first_line &&
         is_possible_block(next.uncompressed_offset - block.uncompressed_offset,
                           next.compressed_offset - block.compressed_offset);
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
  for (std::uint64_t i = 0; i < count; ++i, p += kBlock) {
    const GzipBlock block{read_be64(p), read_be64(p + 8), read_be64(p + 16)};
    if (i == 0 ? block != GzipBlock() : !follows(index.blocks.back(), block)) return bad;
    index.blocks.push_back(block);
  }
  const GzipBlock end{index.info.uncompressed_size, index.info.compressed_size, index.info.lines};
  if (count == 0 ? end.uncompressed_offset != 0 : !follows(index.blocks.back(), end)) return bad;
  return index;
}

std::string serialize_header(const GzipIndex& index) {
  std::string out(kGzipStart);
  out.append(kExtra, sizeof kExtra);
  out += index.identity;
  append_be64(out, index.info.lines);
  append_be64(out, index.info.uncompressed_size);
  return out;
}

Result<std::optional<GzipIndex>> parse_header(std::string_view bytes,
                                              std::uint64_t compressed_size) {
  using Found = std::optional<GzipIndex>;
  std::string start(kGzipStart);
  start.append(kExtra, sizeof kExtra);
  if (bytes.size() < kIndexedHeaderSize || !bytes.starts_with(start)) return Found();
  GzipIndex index;
  index.identity = bytes.substr(start.size(), kIdentity);
  const char* p = bytes.data() + start.size() + kIdentity;
  index.info.lines = read_be64(p);
  index.info.uncompressed_size = read_be64(p + 8);
  index.info.compressed_size = compressed_size;
  if (index.info.lines > index.info.uncompressed_size ||
      (index.info.lines == 0) != (index.info.uncompressed_size == 0) ||
      (index.info.uncompressed_size > 0 &&
       !is_possible_block(index.info.uncompressed_size, compressed_size)))
    return corrupt("the header of an output file is damaged");
  if (index.info.uncompressed_size > 0) index.blocks.push_back({});
  return Found(std::move(index));
}

}  // namespace sluice::output
