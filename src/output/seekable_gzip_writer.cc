// Writes files of seekable gzip: blocks that inflate independently, and the index of where they
// are.
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/bytes.h"
#include "base/file.h"
#include "output/gzip_index.h"
#include "output/seekable_gzip.h"
#include "output/temporary_file.h"

namespace sluice::output {
namespace {

// The kernel starts to write so many new bytes at once, so that the sync at the end has little left
// to wait for, and others' syncs do not queue behind all of it.
constexpr std::uint64_t kWriteBack = 2u << 20;

}  // namespace

struct SeekableGzipWriter::Impl {
  Impl(const std::filesystem::path& path, const GzipOptions& o) : file(path), options(o) {}

  UnfinishedFile file;
  const GzipOptions options;
  GzipIndex index;
  std::string block;
  // Not vectors, which would touch every page of a buffer that a small file hardly uses.
  std::unique_ptr<std::uint8_t[]> compressed;
  std::size_t compressed_size = 0;
  std::unique_ptr<std::uint8_t[]> level_buffer;
  isal_zstream stream{};
  std::uint32_t content_crc = 0;   // of all blocks so far
  std::uint32_t stored_crc = 0;    // of the block at hand, as far as it is written
  std::uint64_t block_lines = 0;   // lines before the block at hand
  std::uint64_t written_back = 0;  // of the compressed bytes
  bool has_index_inside = false;
  bool closed = false;
  Result<void> broken;  // the first error: bytes are missing from then on

  void start_writing_back(std::uint64_t least) {
    const std::uint64_t n = index.info.compressed_size - written_back;
    if (n < least) return;
    // Only a hint: sync_file() is what promises.
    ::sync_file_range(file.fd(), static_cast<off64_t>(written_back), static_cast<off64_t>(n),
                      SYNC_FILE_RANGE_WRITE);
    written_back += n;
  }

  Result<void> write(std::string_view bytes) {
    SLUICE_RETURN_IF_ERROR(file.write(bytes));
    stored_crc = crc32(stored_crc, bytes);
    index.info.compressed_size += bytes.size();
    return {};
  }

  // Room for the header that is written when the checksum of what follows it is known.
  Result<void> begin_file(bool is_only_block) {
    has_index_inside = is_only_block;
    if (!has_index_inside) return write(plain_header());
    index.info.compressed_size = kIndexedHeaderSize;
    return file.write(std::string(kIndexedHeaderSize, '\0'));
  }

  Result<void> end_file() {
    SLUICE_RETURN_IF_ERROR(write(trailer(content_crc, index.info.uncompressed_size)));
    if (!has_index_inside) return {};
    if (::lseek(file.fd(), 0, SEEK_SET) != 0)
      return errno_error("cannot seek", file.data_path(), errno);
    return file.write(serialize_header(index, stored_crc));
  }

  Result<void> compress(bool last) {
    SLUICE_RETURN_IF_ERROR(check_room(file.path().parent_path(), kDiskReserve));
    GzipBlock entry{index.info.uncompressed_size - block.size(), index.info.compressed_size,
                    block_lines, crc32(0, block), 0};
    stored_crc = 0;
    if (index.info.compressed_size == 0) SLUICE_RETURN_IF_ERROR(begin_file(last));
    content_crc = joined_crc32(content_crc, entry.content_crc, block.size());
    stream.next_in = reinterpret_cast<std::uint8_t*>(block.data());
    stream.avail_in = static_cast<std::uint32_t>(block.size());
    stream.end_of_stream = last ? 1 : 0;
    // A full flush ends at a byte and forgets what came before: the next block stands alone.
    stream.flush = FULL_FLUSH;
    do {
      stream.next_out = compressed.get();
      stream.avail_out = static_cast<std::uint32_t>(compressed_size);
      if (isal_deflate(&stream) != COMP_OK)
        return Error{ErrorKind::kInternal, "cannot compress", file.path().string()};
      const std::size_t n = compressed_size - stream.avail_out;
      SLUICE_RETURN_IF_ERROR(write({reinterpret_cast<const char*>(compressed.get()), n}));
      start_writing_back(kWriteBack);
    } while (stream.avail_out == 0);
    if (last) SLUICE_RETURN_IF_ERROR(end_file());
    // What ends a file after its last block belongs to that block.
    if (block.empty() && !index.blocks.empty()) {
      auto& before = index.blocks.back();
      before.stored_crc = joined_crc32(before.stored_crc, stored_crc,
                                       index.info.compressed_size - entry.compressed_offset);
    } else if (!block.empty()) {
      entry.stored_crc = stored_crc;
      index.blocks.push_back(entry);
    }
    block.clear();
    block_lines = index.info.lines;
    return {};
  }

  Result<void> close() {
    SLUICE_RETURN_IF_ERROR(compress(true));
    if (!has_index_inside) SLUICE_RETURN_IF_ERROR(file.write_index(serialize(index)));
    start_writing_back(1);
    block = std::string();
    compressed.reset();
    level_buffer.reset();
    index.blocks = {};
    closed = true;
    return {};
  }

  Result<void> finish() {
    if (!closed) SLUICE_RETURN_IF_ERROR(close());
    return file.finish();
  }
};

SeekableGzipWriter::SeekableGzipWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SeekableGzipWriter::~SeekableGzipWriter() = default;

Result<std::unique_ptr<SeekableGzipWriter>> SeekableGzipWriter::create(
    const std::filesystem::path& path, const GzipOptions& options) {
  auto impl = std::make_unique<Impl>(path, options);
  SLUICE_RETURN_IF_ERROR(impl->file.create());
  impl->index.identity = from_hex(random_hex(16)).value();
  impl->block.reserve(options.block_size + (64u << 10));
  impl->compressed_size = options.block_size / 2 + (64u << 10);
  impl->compressed = std::make_unique_for_overwrite<std::uint8_t[]>(impl->compressed_size);
  constexpr std::uint32_t kLevelBuffer = ISAL_DEF_LVL1_EXTRA_LARGE;
  impl->level_buffer = std::make_unique_for_overwrite<std::uint8_t[]>(kLevelBuffer);
  isal_deflate_init(&impl->stream);
  impl->stream.level = static_cast<std::uint32_t>(options.level);
  impl->stream.level_buf = impl->level_buffer.get();
  impl->stream.level_buf_size = kLevelBuffer;
  impl->stream.gzip_flag = IGZIP_DEFLATE;
  return std::unique_ptr<SeekableGzipWriter>(new SeekableGzipWriter(std::move(impl)));
}

Result<void> SeekableGzipWriter::append_line(std::string_view line) {
  SLUICE_RETURN_IF_ERROR(impl_->broken);
  impl_->block += line;
  impl_->block += '\n';
  impl_->index.info.uncompressed_size += line.size() + 1;
  ++impl_->index.info.lines;
  if (impl_->block.size() < impl_->options.block_size) return {};
  impl_->broken = impl_->compress(false);
  return impl_->broken;
}

const GzipFileInfo& SeekableGzipWriter::info() const {
  return impl_->index.info;
}

Result<void> SeekableGzipWriter::close() {
  if (impl_->broken && !impl_->closed) impl_->broken = impl_->close();
  return impl_->broken;
}

Result<GzipFileInfo> SeekableGzipWriter::finish() {
  // Not tried again after an error: what a failed sync did not write is not told twice.
  if (impl_->broken && !impl_->file.is_finished()) impl_->broken = impl_->finish();
  SLUICE_RETURN_IF_ERROR(impl_->broken);
  return impl_->index.info;
}

}  // namespace sluice::output
