#include "output/gzip_index.h"

#include <isa-l/crc.h>
#include <zlib.h>

#include <limits>

#include "base/bytes.h"

namespace sluice::output {
namespace {

constexpr std::string_view kMagic1 = "SLGZIDX1";
constexpr std::string_view kMagic = "SLGZIDX2";
constexpr std::string_view kRawMagic = "SLRAWIX1";
constexpr std::size_t kIdentity = 16;
constexpr std::size_t kHeader = 8 + kIdentity + 4 * 8;
constexpr std::size_t kBlock1 = 3 * 8;
constexpr std::size_t kBlock = kBlock1 + 2 * 4;

// RFC 1952: magic, deflate, FEXTRA, no time, no hints, Unix; the extra field's size and the
// subfield's name and size, both with the low byte first. In version 1 the subfield had no
// checksums.
constexpr std::string_view kGzipStart("\x1f\x8b\x08\x04\0\0\0\0\0\x03", 10);
constexpr std::string_view kPlainStart("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
constexpr char kSubfieldSize1 = kIdentity + 2 * 8;
constexpr char kSubfieldSize = kSubfieldSize1 + 2 * 4;
constexpr std::size_t kExtraSize = 6;
static_assert(kIndexedHeaderSize == kGzipStart.size() + kExtraSize + kSubfieldSize);

std::string header_start(char subfield_size) {
  std::string start(kGzipStart);
  for (const char c : {static_cast<char>(subfield_size + 4), '\0', 'S', 'L', subfield_size, '\0'})
    start += c;
  return start;
}

void append_le32(std::string& out, std::uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift);
}

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

bool is_raw_block(const GzipBlock& block) {
  return block.uncompressed_offset == block.compressed_offset && block.first_line == 0 &&
         block.content_crc == block.stored_crc;
}

bool is_start(const GzipBlock& block) {
  return block.uncompressed_offset == 0 && block.compressed_offset == 0 && block.first_line == 0;
}

}  // namespace

std::uint32_t crc32(std::uint32_t crc, std::string_view bytes) {
  return crc32_gzip_refl(crc, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

std::uint32_t joined_crc32(std::uint32_t first, std::uint32_t second, std::uint64_t size) {
  return static_cast<std::uint32_t>(::crc32_combine(first, second, static_cast<z_off_t>(size)));
}

std::string_view plain_header() {
  return kPlainStart;
}

std::string trailer(std::uint32_t content_crc, std::uint64_t uncompressed_size) {
  std::string out;
  append_le32(out, content_crc);
  append_le32(out, static_cast<std::uint32_t>(uncompressed_size));
  return out;
}

std::string serialize(const GzipIndex& index) {
  std::string out(index.is_raw ? kRawMagic : kMagic);
  out += index.identity;
  append_be64(out, index.info.lines);
  append_be64(out, index.info.uncompressed_size);
  append_be64(out, index.info.compressed_size);
  append_be64(out, index.blocks.size());
  for (const auto& block : index.blocks) {
    append_be64(out, block.uncompressed_offset);
    append_be64(out, block.compressed_offset);
    append_be64(out, block.first_line);
    append_be32(out, block.content_crc);
    append_be32(out, block.stored_crc);
  }
  append_be32(out, crc32(0, out));
  return out;
}

Result<GzipIndex> parse_gzip_index(std::string_view bytes) {
  const Error bad = corrupt("the index of an output file is damaged");
  GzipIndex index;
  index.is_raw = bytes.starts_with(kRawMagic);
  index.has_checksums = index.is_raw || bytes.starts_with(kMagic);
  const auto fits = [&index](const GzipBlock& before, const GzipBlock& after) {
    if (!index.is_raw) return follows(before, after);
    return is_raw_block(after) && after.compressed_offset > before.compressed_offset;
  };
  if (bytes.size() < kHeader + 4 || (!index.has_checksums && !bytes.starts_with(kMagic1)))
    return bad;
  const auto body = bytes.substr(0, bytes.size() - 4);
  if (read_be32(bytes.data() + body.size()) != crc32(0, body)) return bad;
  index.identity = body.substr(8, kIdentity);
  const char* p = body.data() + 8 + kIdentity;
  index.info.lines = read_be64(p);
  index.info.uncompressed_size = read_be64(p + 8);
  index.info.compressed_size = read_be64(p + 16);
  const std::uint64_t count = read_be64(p + 24);
  const std::size_t size = index.has_checksums ? kBlock : kBlock1;
  if (count != (body.size() - kHeader) / size || (body.size() - kHeader) % size != 0) return bad;
  p = body.data() + kHeader;
  for (std::uint64_t i = 0; i < count; ++i, p += size) {
    GzipBlock block{read_be64(p), read_be64(p + 8), read_be64(p + 16)};
    if (index.has_checksums) {
      block.content_crc = read_be32(p + kBlock1);
      block.stored_crc = read_be32(p + kBlock1 + 4);
    }
    if (i == 0 ? !is_start(block) || (index.is_raw && !is_raw_block(block))
               : !fits(index.blocks.back(), block))
      return bad;
    index.blocks.push_back(block);
  }
  const GzipBlock end{index.info.uncompressed_size, index.info.compressed_size, index.info.lines, 0,
                      0};
  if (count == 0 ? end.uncompressed_offset != 0 : !fits(index.blocks.back(), end)) return bad;
  return index;
}

std::string serialize_header(const GzipIndex& index, std::uint32_t data_crc) {
  std::string out = header_start(kSubfieldSize);
  out += index.identity;
  append_be64(out, index.info.lines);
  append_be64(out, index.info.uncompressed_size);
  append_be32(out, data_crc);
  append_be32(out, crc32(0, out));
  return out;
}

Result<std::optional<GzipIndex>> parse_header(std::string_view bytes,
                                              std::uint64_t compressed_size) {
  using Found = std::optional<GzipIndex>;
  const Error bad = corrupt("the header of an output file is damaged");
  GzipIndex index;
  index.has_checksums = bytes.starts_with(header_start(kSubfieldSize));
  const std::size_t size = index.has_checksums ? kIndexedHeaderSize : kIndexedHeaderSize - 2 * 4;
  if (bytes.size() < size ||
      (!index.has_checksums && !bytes.starts_with(header_start(kSubfieldSize1))))
    return Found();
  bytes = bytes.substr(0, size);
  index.identity = bytes.substr(kGzipStart.size() + kExtraSize, kIdentity);
  const char* p = bytes.data() + kGzipStart.size() + kExtraSize + kIdentity;
  index.info.lines = read_be64(p);
  index.info.uncompressed_size = read_be64(p + 8);
  index.info.compressed_size = compressed_size;
  if (index.info.lines > index.info.uncompressed_size ||
      (index.info.lines == 0) != (index.info.uncompressed_size == 0) ||
      (index.info.uncompressed_size > 0 &&
       !is_possible_block(index.info.uncompressed_size, compressed_size)))
    return bad;
  index.blocks.push_back({});
  if (index.has_checksums) {
    if (read_be32(p + 20) != crc32(0, bytes.substr(0, size - 4))) return bad;
    index.blocks.front().stored_crc =
        joined_crc32(crc32(0, bytes), read_be32(p + 16), compressed_size - size);
  }
  return Found(std::move(index));
}

}  // namespace sluice::output
