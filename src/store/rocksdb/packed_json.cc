#include "store/rocksdb/packed_json.h"

#include <isa-l/igzip_lib.h>

#include <cstdint>
#include <memory>

namespace sluice::store {
namespace {

constexpr std::size_t kChunk = 256u << 10;
// Reading is slower than of a line that is stored as it is, so it must be worth it.
constexpr std::size_t kShareMax = 2;

std::uint8_t* bytes(char* text) {
  return reinterpret_cast<std::uint8_t*>(text);
}

}  // namespace

bool append_packed(std::string& out, std::string_view line) {
  if (line.size() < kPackedFrom || line.size() > kLineMax) return false;
  const std::size_t before = out.size();
  const std::uint64_t size = line.size();
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
  const auto level_buffer =
      std::make_unique_for_overwrite<std::uint8_t[]>(ISAL_DEF_LVL1_EXTRA_LARGE);
  isal_zstream stream;
  isal_deflate_init(&stream);
  stream.level = 1;
  stream.level_buf = level_buffer.get();
  stream.level_buf_size = ISAL_DEF_LVL1_EXTRA_LARGE;
  stream.gzip_flag = IGZIP_GZIP;  // for its checksum
  // The library only reads there.
  stream.next_in = bytes(const_cast<char*>(line.data()));
  stream.avail_in = static_cast<std::uint32_t>(line.size());
  stream.end_of_stream = 1;
  const auto chunk = std::make_unique_for_overwrite<char[]>(kChunk);
  do {
    stream.next_out = bytes(chunk.get());
    stream.avail_out = kChunk;
    const bool good = isal_deflate(&stream) == COMP_OK;
    out.append(chunk.get(), kChunk - stream.avail_out);
    if (!good || out.size() - before > line.size() / kShareMax) {
      out.resize(before);
      return false;
    }
  } while (stream.avail_out == 0);
  return true;
}

Result<std::string_view> unpacked_line(const ParsedRecord& record, std::string& buffer) {
  if (record.header.packing == Packing::kNone) return record.stored;
  const std::size_t size = line_size(record);
  const std::string_view packed = record.stored.substr(sizeof(std::uint64_t));
  // One byte more than there is room for, so that the end is seen in the same call.
  buffer.resize(size + 1);
  inflate_state state;
  isal_inflate_init(&state);
  state.crc_flag = ISAL_GZIP;
  state.next_in = bytes(const_cast<char*>(packed.data()));
  state.avail_in = static_cast<std::uint32_t>(packed.size());
  state.next_out = bytes(buffer.data());
  state.avail_out = static_cast<std::uint32_t>(size + 1);
  if (isal_inflate(&state) != ISAL_DECOMP_OK || state.block_state != ISAL_BLOCK_FINISH ||
      state.avail_out != 1)
    return corrupt("the store could not be read", "a packed line is damaged");
  buffer.resize(size);
  return std::string_view(buffer);
}

std::size_t line_size(const ParsedRecord& record) {
  if (record.header.packing == Packing::kNone) return record.stored.size();
  return read_size(record.stored);
}

}  // namespace sluice::store
