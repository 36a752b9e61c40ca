// Reads files of seekable gzip: as they are stored, or any range of their content inflated.
#include <isa-l/igzip_lib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "output/gzip_index.h"
#include "output/seekable_gzip.h"

namespace sluice::output {

struct SeekableGzipFile::Impl {
  std::filesystem::path path;
  FileDescriptor fd;
  GzipIndex index;
  std::string identity;
};

SeekableGzipFile::SeekableGzipFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SeekableGzipFile::~SeekableGzipFile() = default;

Result<std::shared_ptr<const SeekableGzipFile>> SeekableGzipFile::open(
    const std::filesystem::path& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  SLUICE_TRY(impl->fd, open_for_reading(path));
  struct stat status {};
  if (::fstat(impl->fd.get(), &status) != 0) return errno_error("cannot stat", path, errno);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::string header(kIndexedHeaderSize, '\0');
  SLUICE_TRY(const std::size_t n, read_at(impl->fd.get(), 0, header, path));
  auto inside = parse_header(std::string_view(header).substr(0, n), size);
  if (!inside) return corrupt(inside.error().message, path.string());
  if (*inside) {
    impl->index = std::move(**inside);
  } else {
    const auto bytes = read_file(path.string() + ".idx");
    // The file itself is there: this is damage, not a name that nobody wrote.
    if (!bytes && bytes.error().kind == ErrorKind::kNotFound)
      return corrupt("an output file has no index", path.string());
    if (!bytes) return bytes.error();
    auto index = parse_gzip_index(*bytes);
    if (!index) return corrupt(index.error().message, path.string());
    impl->index = std::move(*index);
    if (size != impl->index.info.compressed_size)
      return corrupt("an output file and its index do not belong together", path.string());
  }
  impl->identity = to_hex(impl->index.identity);
  return std::shared_ptr<const SeekableGzipFile>(new SeekableGzipFile(std::move(impl)));
}

const GzipFileInfo& SeekableGzipFile::info() const {
  return impl_->index.info;
}
int SeekableGzipFile::fd() const {
  return impl_->fd.get();
}
const std::string& SeekableGzipFile::identity() const {
  return impl_->identity;
}

struct InflatingReader::Impl {
  std::shared_ptr<const SeekableGzipFile> file;
  std::uint64_t offset = 0;  // of the next byte to give
  std::size_t next_block = 0;
  std::string compressed;
  std::vector<char> block;  // inflated
  std::size_t used = 0;     // of `block`
  bool started = false;

  const GzipIndex& index() const { return file->impl_->index; }

  // After an error there is no block, so that the next read meets the error again.
  Result<void> load_block() {
    auto loaded = inflate_block();
    if (!loaded) {
      block.clear();
      used = 0;
    }
    return loaded;
  }

  Result<void> inflate_block() {
    const auto& blocks = index().blocks;
    if (!started) {
      started = true;
      const auto after = std::upper_bound(
          blocks.begin(), blocks.end(), offset,
          [](std::uint64_t at, const GzipBlock& each) { return at < each.uncompressed_offset; });
      next_block = static_cast<std::size_t>(after - blocks.begin()) - 1;
    }
    const GzipBlock& at = blocks[next_block];
    const bool is_last = next_block + 1 == blocks.size();
    const std::uint64_t end_compressed =
        is_last ? index().info.compressed_size : blocks[next_block + 1].compressed_offset;
    const std::uint64_t end =
        is_last ? index().info.uncompressed_size : blocks[next_block + 1].uncompressed_offset;
    compressed.resize(end_compressed - at.compressed_offset);
    SLUICE_TRY(const std::size_t n,
               read_at(file->fd(), at.compressed_offset, compressed, file->impl_->path));
    block.resize(end - at.uncompressed_offset);
    inflate_state state;
    isal_inflate_init(&state);
    state.next_in = reinterpret_cast<std::uint8_t*>(compressed.data());
    state.avail_in = static_cast<std::uint32_t>(n);
    // The first block follows the gzip header, the others are bare deflate data.
    if (next_block == 0) {
      isal_gzip_header header;
      isal_gzip_header_init(&header);
      state.crc_flag = ISAL_GZIP_NO_HDR_VER;
      if (isal_read_gzip_header(&state, &header) != ISAL_DECOMP_OK) return damaged();
    }
    state.crc_flag = ISAL_DEFLATE;
    state.next_out = reinterpret_cast<std::uint8_t*>(block.data());
    state.avail_out = static_cast<std::uint32_t>(block.size());
    const int status = isal_inflate(&state);
    if (status < 0 || state.avail_out != 0) return damaged();
    used = static_cast<std::size_t>(offset - at.uncompressed_offset);
    ++next_block;
    return {};
  }

  Error damaged() const { return corrupt("an output file is damaged", file->impl_->path.string()); }
};

InflatingReader::InflatingReader(std::shared_ptr<const SeekableGzipFile> file, std::uint64_t offset)
    : impl_(std::make_unique<Impl>()) {
  impl_->file = std::move(file);
  impl_->offset = offset;
}
InflatingReader::~InflatingReader() = default;

Result<std::size_t> InflatingReader::read(std::span<char> buffer) {
  Impl& impl = *impl_;
  std::size_t done = 0;
  while (done < buffer.size() && impl.offset < impl.index().info.uncompressed_size) {
    if (impl.used == impl.block.size()) SLUICE_CHECK(impl.load_block());
    const std::size_t n = std::min(buffer.size() - done, impl.block.size() - impl.used);
    std::memcpy(buffer.data() + done, impl.block.data() + impl.used, n);
    impl.used += n;
    impl.offset += n;
    done += n;
  }
  return done;
}

}  // namespace sluice::output
