// Reads files of seekable gzip: as they are stored, or any range of their content inflated. Every
// block is checked before it is given.
#include <isa-l/igzip_lib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "output/gzip_index.h"
#include "output/seekable_gzip.h"

namespace sluice::output {

namespace {

constexpr std::size_t kTrailerSize = 8;
constexpr std::size_t kScratch = 64u << 10;
constexpr std::size_t kRememberedMax = 4096;  // files, about as many blocks each as megabytes

using Blocks = std::shared_ptr<const std::vector<GzipBlock>>;

Error damaged(const std::filesystem::path& path) {
  return corrupt("an output file is damaged", path.string());
}

/// The block that holds an offset of the file or of its content.
template <class Offset>
std::size_t block_at(const std::vector<GzipBlock>& blocks, std::uint64_t offset, Offset begin) {
  const auto after =
      std::upper_bound(blocks.begin(), blocks.end(), offset,
                       [&](std::uint64_t at, const GzipBlock& each) { return at < each.*begin; });
  return static_cast<std::size_t>(after - blocks.begin()) - 1;
}

}  // namespace

class CheckedFiles {
 public:
  Blocks find(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(key);
    return found == blocks_.end() ? nullptr : found->second;
  }
  void add(const std::string& key, Blocks blocks) {
    const std::lock_guard lock(mutex_);
    // Files of an earlier version become fewer, not more: no need to choose well whom to forget.
    if (blocks_.size() >= kRememberedMax) blocks_.erase(blocks_.begin());
    blocks_[key] = std::move(blocks);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Blocks> blocks_;  // guarded by mutex_, by path and identity
};

std::shared_ptr<CheckedFiles> make_checked_files() {
  return std::make_shared<CheckedFiles>();
}

struct SeekableGzipFile::Impl {
  std::filesystem::path path;
  FileDescriptor fd;
  GzipIndex index;
  std::string identity;
  std::shared_ptr<CheckedFiles> remembered;

  std::mutex mutex;
  Blocks checked;  // guarded by mutex: the blocks of an index without checksums, with them

  /// The blocks with their checksums. A file that has none is looked through as a whole.
  Result<const std::vector<GzipBlock>*> blocks();
  Result<Blocks> look_through() const;
};

/// Reads and inflates one block after the other.
class GzipBlockReader {
 public:
  using File = SeekableGzipFile::Impl;
  static File& impl_of(const SeekableGzipFile& file) { return *file.impl_; }

  /// The content of a block until the next call. Its checksums are not looked at.
  Result<std::span<const char>> inflate(const File& file, std::size_t number) {
    const GzipIndex& index = file.index;
    const GzipBlock& at = index.blocks[number];
    stored_.resize(index.end_in_file(number) - at.compressed_offset);
    SLUICE_TRY(const std::size_t n,
               read_at(file.fd.get(), at.compressed_offset, stored_, file.path));
    if (n != stored_.size()) return damaged(file.path);
    content_.resize(index.end_of_content(number) - at.uncompressed_offset);
    inflate_state state;
    isal_inflate_init(&state);
    state.next_in = reinterpret_cast<std::uint8_t*>(stored_.data());
    state.avail_in = static_cast<std::uint32_t>(n);
    // The first block follows the gzip header, the others are bare deflate data.
    if (number == 0) {
      isal_gzip_header header;
      isal_gzip_header_init(&header);
      state.crc_flag = ISAL_GZIP_NO_HDR_VER;
      if (isal_read_gzip_header(&state, &header) != ISAL_DECOMP_OK) return damaged(file.path);
    }
    state.crc_flag = ISAL_DEFLATE;
    std::uint8_t nothing = 0;  // an empty block has no room, and isal wants some
    state.next_out = content_.empty() ? &nothing : reinterpret_cast<std::uint8_t*>(content_.data());
    state.avail_out = static_cast<std::uint32_t>(content_.size());
    const int status = isal_inflate(&state);
    if (status < 0 || state.avail_out != 0) return damaged(file.path);
    if (number + 1 == index.blocks.size())
      ends_whole_ = ends_at_trailer(state);
    else if (!index.has_checksums)
      ends_whole_ = ends_at_flush(state);
    return std::span<const char>(content_);
  }

  /// Whether all of the block that was inflated last belongs to it: up to the trailer when it is
  /// the file's last, else up to the end of its flush, which is looked at where there are no
  /// checksums.
  bool ends_whole() const { return ends_whole_; }

  std::string_view stored() const { return stored_; }

 private:
  static bool ends_at_trailer(inflate_state& state) {
    std::uint8_t more = 0;
    state.next_out = &more;
    state.avail_out = sizeof more;
    if (state.block_state != ISAL_BLOCK_FINISH && isal_inflate(&state) < 0) return false;
    const std::size_t left = state.avail_in + static_cast<std::size_t>(state.read_in_length / 8);
    return state.block_state == ISAL_BLOCK_FINISH && state.avail_out == sizeof more &&
           left == kTrailerSize;
  }

  // What follows the content must be the empty block of the flush, and leave the next one to begin.
  static bool ends_at_flush(inflate_state& state) {
    std::uint8_t more = 0;
    state.next_out = &more;
    state.avail_out = sizeof more;
    if (state.block_state != ISAL_BLOCK_FINISH && isal_inflate(&state) < 0) return false;
    return (state.block_state == ISAL_BLOCK_NEW_HDR || state.block_state == ISAL_BLOCK_HDR) &&
           state.avail_out == sizeof more && state.avail_in == 0 && state.read_in_length == 0 &&
           state.tmp_in_size == 0;
  }

  std::string stored_;
  std::vector<char> content_;
  bool ends_whole_ = false;
};

Result<const std::vector<GzipBlock>*> SeekableGzipFile::Impl::blocks() {
  if (index.has_checksums) return &index.blocks;
  const std::lock_guard lock(mutex);
  if (checked) return checked.get();
  const std::string key = path.string() + " " + identity;
  if (remembered) checked = remembered->find(key);
  if (checked) return checked.get();
  SLUICE_TRY(checked, look_through());
  if (remembered) remembered->add(key, checked);
  return checked.get();
}

// All blocks must inflate to what the gzip trailer says; then their checksums are known too.
Result<Blocks> SeekableGzipFile::Impl::look_through() const {
  auto blocks = std::make_shared<std::vector<GzipBlock>>(index.blocks);
  std::uint32_t crc = 0;
  std::string end;
  GzipBlockReader reader;
  for (std::size_t i = 0; i < blocks->size(); ++i) {
    SLUICE_TRY(const auto content, reader.inflate(*this, i));
    // Of a header with an index inside as much was looked at when the file was opened.
    constexpr std::string_view kWithIndex("\x1f\x8b\x08\x04", 4);
    if (i == 0 && !reader.stored().starts_with(plain_header()) &&
        !reader.stored().starts_with(kWithIndex))
      return damaged(path);
    if (!reader.ends_whole()) return damaged(path);
    const std::string_view text(content.data(), content.size());
    (*blocks)[i].content_crc = crc32(0, text);
    (*blocks)[i].stored_crc = crc32(0, reader.stored());
    crc = joined_crc32(crc, (*blocks)[i].content_crc, text.size());
    end = reader.stored().substr(reader.stored().size() -
                                 std::min(kTrailerSize, reader.stored().size()));
  }
  if (end != trailer(crc, index.info.uncompressed_size)) return damaged(path);
  return Blocks(std::move(blocks));
}

SeekableGzipFile::SeekableGzipFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SeekableGzipFile::~SeekableGzipFile() = default;

Result<std::shared_ptr<const SeekableGzipFile>> SeekableGzipFile::open(
    const std::filesystem::path& path, std::shared_ptr<CheckedFiles> checked) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->remembered = std::move(checked);
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
    GzipIndex& index = impl->index;
    if (size < kTrailerSize) return damaged(path);
    std::string end(kTrailerSize, '\0');
    SLUICE_TRY(const std::size_t got, read_at(impl->fd.get(), size - kTrailerSize, end, path));
    if (got != kTrailerSize) return damaged(path);
    const auto number_at = [&](std::size_t at) {
      std::uint32_t number = 0;
      for (std::size_t i = 0; i < 4; ++i)
        number |= std::uint32_t{static_cast<unsigned char>(end[at + i])} << (8 * i);
      return number;
    };
    if (index.has_checksums) {
      // That of the content is in the trailer, which belongs to what the header's checksum covers.
      index.blocks.front().content_crc = number_at(0);
    } else if (number_at(4) != static_cast<std::uint32_t>(index.info.uncompressed_size)) {
      // The size is told before anything is looked through.
      return damaged(path);
    }
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
const std::string& SeekableGzipFile::identity() const {
  return impl_->identity;
}

// ---- as it is stored ----

struct StoredReader::Impl {
  std::shared_ptr<const SeekableGzipFile> file;
  std::uint64_t offset = 0;      // of the next byte to give
  std::uint64_t checked_to = 0;  // the end of the block that `offset` is in, once it is checked
  std::uint32_t expected = 0;    // CRC-32 of what is left of that block
  std::uint32_t given = 0;       // and of what was given of it since it was checked

  SeekableGzipFile::Impl& source() const { return GzipBlockReader::impl_of(*file); }

  Result<std::string_view> read_some(std::uint64_t at, std::uint64_t end, std::span<char> buffer) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - at));
    SLUICE_TRY(const std::size_t n,
               read_at(source().fd.get(), at, buffer.first(wanted), source().path));
    if (n != wanted) return damaged(source().path);
    return std::string_view(buffer.data(), n);
  }

  // Reads the block once for its checksum alone, so that no memory is needed for it.
  Result<void> check_block(std::uint64_t begin, std::uint64_t end, std::uint32_t stored_crc,
                           std::span<char> buffer) {
    std::vector<char> own;
    if (buffer.size() < kScratch) own.resize(kScratch);
    const std::span<char> scratch = own.empty() ? buffer : std::span<char>(own);
    std::uint32_t before = 0;
    std::uint32_t rest = 0;
    for (std::uint64_t at = begin; at < end;) {
      const std::uint64_t to = at < offset ? offset : end;
      SLUICE_TRY(const auto bytes, read_some(at, to, scratch));
      auto& crc = at < offset ? before : rest;
      crc = crc32(crc, bytes);
      at += bytes.size();
    }
    if (joined_crc32(before, rest, end - offset) != stored_crc) return damaged(source().path);
    checked_to = end;
    expected = rest;
    given = 0;
    return {};
  }

  Result<std::size_t> read(std::span<char> buffer) {
    if (buffer.empty() || offset >= file->info().compressed_size) return std::size_t{0};
    if (offset >= checked_to) {
      SLUICE_TRY(const auto* blocks, source().blocks());
      if (blocks->empty()) return damaged(source().path);
      const std::size_t number = block_at(*blocks, offset, &GzipBlock::compressed_offset);
      const std::uint64_t begin = (*blocks)[number].compressed_offset;
      const std::uint64_t end = source().index.end_in_file(number);
      const std::uint32_t stored_crc = (*blocks)[number].stored_crc;
      if (begin == offset && end - begin <= buffer.size()) {
        SLUICE_TRY(const auto bytes, read_some(begin, end, buffer));
        if (crc32(0, bytes) != stored_crc) return damaged(source().path);
        offset = end;
        return bytes.size();
      }
      SLUICE_CHECK(check_block(begin, end, stored_crc, buffer));
    }
    SLUICE_TRY(const auto bytes, read_some(offset, checked_to, buffer));
    given = crc32(given, bytes);
    // It was right a moment ago. Whoever reads the disk twice may get two answers.
    if (offset + bytes.size() == checked_to && given != expected) return damaged(source().path);
    offset += bytes.size();
    return bytes.size();
  }
};

StoredReader::StoredReader(std::shared_ptr<const SeekableGzipFile> file, std::uint64_t offset)
    : impl_(std::make_unique<Impl>()) {
  impl_->file = std::move(file);
  impl_->offset = offset;
}
StoredReader::~StoredReader() = default;

Result<std::size_t> StoredReader::read(std::span<char> buffer) {
  return impl_->read(buffer);
}

// ---- inflated ----

struct InflatingReader::Impl {
  std::shared_ptr<const SeekableGzipFile> file;
  std::uint64_t offset = 0;  // of the next byte to give
  GzipBlockReader reader;
  std::span<const char> block;  // what is left of it

  // After an error there is no block, so that the next read meets the error again.
  Result<void> load_block() {
    auto& source = GzipBlockReader::impl_of(*file);
    SLUICE_TRY(const auto* blocks, source.blocks());
    const std::size_t number = block_at(*blocks, offset, &GzipBlock::uncompressed_offset);
    const GzipBlock& at = (*blocks)[number];
    SLUICE_TRY(const auto content, reader.inflate(source, number));
    if (crc32(0, {content.data(), content.size()}) != at.content_crc) return damaged(source.path);
    block = content.subspan(static_cast<std::size_t>(offset - at.uncompressed_offset));
    return {};
  }
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
  while (done < buffer.size() && impl.offset < impl.file->info().uncompressed_size) {
    if (impl.block.empty()) SLUICE_CHECK(impl.load_block());
    const std::size_t n = std::min(buffer.size() - done, impl.block.size());
    std::memcpy(buffer.data() + done, impl.block.data(), n);
    impl.block = impl.block.subspan(n);
    impl.offset += n;
    done += n;
  }
  return done;
}

}  // namespace sluice::output
