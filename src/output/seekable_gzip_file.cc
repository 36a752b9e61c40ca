// Reads files of seekable gzip: as they are stored, or any range of their content inflated. Every
// block is checked before it is given.
#include <isa-l/igzip_lib.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/page_buffer.h"
#include "output/gzip_index.h"
#include "output/seekable_gzip.h"

namespace sluice::output {

namespace {

constexpr std::size_t kTrailerSize = 8;
constexpr std::size_t kScratch = 64u << 10;
constexpr std::size_t kSkippedAtOnce = 16u << 10;
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
    // Files of an earlier version become fewer, not more: no need to choose well which to forget.
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

/// Reads and inflates one block after the other, piece by piece, in constant memory.
class GzipBlockReader {
 public:
  using File = SeekableGzipFile::Impl;
  static File& impl_of(const SeekableGzipFile& file) { return *file.impl_; }

  GzipBlockReader() : memory_(sizeof(Work)), work_(new (memory_.data()) Work) {}

  /// CRC-32 of the bytes of a block as they are stored. Not while one is being inflated.
  Result<std::uint32_t> stored_crc(const File& file, std::size_t number) {
    const std::uint64_t end = file.index.end_in_file(number);
    std::uint32_t crc = 0;
    for (std::uint64_t at = file.index.blocks[number].compressed_offset; at < end;) {
      SLUICE_ASSIGN_OR_RETURN(const auto piece, read_piece(file, at, end));
      crc = crc32(crc, piece);
      at += piece.size();
    }
    return crc;
  }

  Result<void> begin(const File& file, std::size_t number) {
    const GzipIndex& index = file.index;
    const GzipBlock& at = index.blocks[number];
    file_ = &file;
    position_ = at.compressed_offset;
    end_ = index.end_in_file(number);
    content_left_ = index.end_of_content(number) - at.uncompressed_offset;
    content_crc_ = 0;
    inflate_state& state = work_->state;
    isal_inflate_init(&state);
    state.avail_in = 0;
    // The first block follows the gzip header, the others are bare deflate data.
    if (number == 0) {
      SLUICE_RETURN_IF_ERROR(fill());
      isal_gzip_header header;
      isal_gzip_header_init(&header);
      state.crc_flag = ISAL_GZIP_NO_HDR_VER;
      if (isal_read_gzip_header(&state, &header) != ISAL_DECOMP_OK) return damaged(file.path);
    }
    state.crc_flag = ISAL_DEFLATE;
    return {};
  }

  /// The next bytes of its content, at least one; 0 at its end. Checksums are not looked at.
  Result<std::size_t> read(std::span<char> out) {
    inflate_state& state = work_->state;
    std::size_t done = 0;
    while (done < out.size() && content_left_ > 0) {
      if (state.avail_in == 0) SLUICE_RETURN_IF_ERROR(fill());
      const auto room = static_cast<std::uint32_t>(
          std::min<std::uint64_t>({out.size() - done, content_left_, kInflatedAtOnce}));
      state.next_out = reinterpret_cast<std::uint8_t*>(out.data()) + done;
      state.avail_out = room;
      if (isal_inflate(&state) < 0) return damaged(file_->path);
      const std::uint32_t made = room - state.avail_out;
      // Without more to read it would go on like this for ever.
      if (made == 0 && (state.avail_in > 0 || position_ == end_)) return damaged(file_->path);
      content_crc_ = crc32(content_crc_, {out.data() + done, made});
      content_left_ -= made;
      done += made;
    }
    return done;
  }

  std::uint64_t content_left() const { return content_left_; }
  /// Of what read() has given of the block.
  std::uint32_t content_crc() const { return content_crc_; }

  /// Whether nothing but what belongs to it follows the content of the block, all of which was
  /// read: in the last one the trailer, in others the empty block of their flush.
  Result<bool> ends_whole(bool is_last) {
    inflate_state& state = work_->state;
    while (state.block_state != ISAL_BLOCK_FINISH) {
      if (state.avail_in == 0 && position_ == end_) break;
      if (state.avail_in == 0) SLUICE_RETURN_IF_ERROR(fill());
      const std::uint32_t before = state.avail_in;
      std::uint8_t more = 0;
      state.next_out = &more;
      state.avail_out = sizeof more;
      if (isal_inflate(&state) < 0 || state.avail_out != sizeof more) return false;
      if (state.avail_in == before && state.block_state != ISAL_BLOCK_FINISH) return false;
    }
    const std::uint64_t left = state.avail_in + (end_ - position_);
    if (is_last)
      return state.block_state == ISAL_BLOCK_FINISH &&
             left + static_cast<std::uint64_t>(state.read_in_length / 8) == kTrailerSize;
    return (state.block_state == ISAL_BLOCK_NEW_HDR || state.block_state == ISAL_BLOCK_HDR) &&
           left == 0 && state.read_in_length == 0 && state.tmp_in_size == 0;
  }

 private:
  static constexpr std::size_t kPiece = 64u << 10;
  static constexpr std::uint64_t kInflatedAtOnce = 1u << 30;
  struct Work {
    inflate_state state;
    std::array<char, kPiece> input;
  };
  static_assert(sizeof(Work) <= InflatingReader::kMemory);

  Result<std::string_view> read_piece(const File& file, std::uint64_t at, std::uint64_t end) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, end - at));
    const std::span<char> room(work_->input.data(), size);
    SLUICE_ASSIGN_OR_RETURN(const std::size_t n, read_at(file.fd.get(), at, room, file.path));
    if (n != size) return damaged(file.path);
    return std::string_view(room.data(), n);
  }

  Result<void> fill() {
    SLUICE_ASSIGN_OR_RETURN(const auto piece, read_piece(*file_, position_, end_));
    position_ += piece.size();
    work_->state.next_in = reinterpret_cast<std::uint8_t*>(work_->input.data());
    work_->state.avail_in = static_cast<std::uint32_t>(piece.size());
    return {};
  }

  PageBuffer memory_;
  Work* work_;  // in memory_
  const File* file_ = nullptr;
  std::uint64_t position_ = 0;  // of what of the block was not read from the file yet
  std::uint64_t end_ = 0;       // of the block in the file
  std::uint64_t content_left_ = 0;
  std::uint32_t content_crc_ = 0;
};

Result<const std::vector<GzipBlock>*> SeekableGzipFile::Impl::blocks() {
  if (index.has_checksums) return &index.blocks;
  const std::lock_guard lock(mutex);
  if (checked) return checked.get();
  const std::string key = path.string() + " " + identity;
  if (remembered) checked = remembered->find(key);
  if (checked) return checked.get();
  SLUICE_ASSIGN_OR_RETURN(checked, look_through());
  if (remembered) remembered->add(key, checked);
  return checked.get();
}

// All blocks must inflate to what the gzip trailer says; then their checksums are known too.
Result<Blocks> SeekableGzipFile::Impl::look_through() const {
  // Of a header with an index inside as much was looked at when the file was opened.
  constexpr std::string_view kWithIndex("\x1f\x8b\x08\x04", 4);
  std::string start(plain_header().size(), '\0');
  SLUICE_ASSIGN_OR_RETURN(const std::size_t n, read_at(fd.get(), 0, start, path));
  if (n != start.size() || (start != plain_header() && !start.starts_with(kWithIndex)))
    return damaged(path);
  auto blocks = std::make_shared<std::vector<GzipBlock>>(index.blocks);
  if (blocks->empty()) return damaged(path);
  std::uint32_t crc = 0;
  GzipBlockReader reader;
  std::vector<char> content(kScratch);
  for (std::size_t i = 0; i < blocks->size(); ++i) {
    GzipBlock& block = (*blocks)[i];
    SLUICE_ASSIGN_OR_RETURN(block.stored_crc, reader.stored_crc(*this, i));
    SLUICE_RETURN_IF_ERROR(reader.begin(*this, i));
    while (reader.content_left() > 0) SLUICE_RETURN_IF_ERROR(reader.read(content));
    SLUICE_ASSIGN_OR_RETURN(const bool is_whole, reader.ends_whole(i + 1 == blocks->size()));
    if (!is_whole) return damaged(path);
    block.content_crc = reader.content_crc();
    crc = joined_crc32(crc, block.content_crc, index.end_of_content(i) - block.uncompressed_offset);
  }
  std::string end(kTrailerSize, '\0');
  if (index.info.compressed_size < kTrailerSize) return damaged(path);
  SLUICE_ASSIGN_OR_RETURN(const std::size_t got,
                          read_at(fd.get(), index.info.compressed_size - kTrailerSize, end, path));
  if (got != kTrailerSize || end != trailer(crc, index.info.uncompressed_size))
    return damaged(path);
  return Blocks(std::move(blocks));
}

SeekableGzipFile::SeekableGzipFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SeekableGzipFile::~SeekableGzipFile() = default;

Result<std::shared_ptr<const SeekableGzipFile>> SeekableGzipFile::open(
    const std::filesystem::path& path, std::shared_ptr<CheckedFiles> checked) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->remembered = std::move(checked);
  SLUICE_ASSIGN_OR_RETURN(impl->fd, open_for_reading(path));
  struct stat status {};
  if (::fstat(impl->fd.get(), &status) != 0) return errno_error("cannot stat", path, errno);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::string header(kIndexedHeaderSize, '\0');
  SLUICE_ASSIGN_OR_RETURN(const std::size_t n, read_at(impl->fd.get(), 0, header, path));
  auto inside = parse_header(std::string_view(header).substr(0, n), size);
  if (!inside) return corrupt(inside.error().message, path.string());
  if (*inside) {
    impl->index = std::move(**inside);
    GzipIndex& index = impl->index;
    if (size < kTrailerSize) return damaged(path);
    std::string end(kTrailerSize, '\0');
    SLUICE_ASSIGN_OR_RETURN(const std::size_t got,
                            read_at(impl->fd.get(), size - kTrailerSize, end, path));
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
    // The file itself exists: this is damage, not an unknown name.
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

bool SeekableGzipFile::is_at(const std::filesystem::path& path) const {
  struct stat there {};
  struct stat own {};
  return ::stat(path.c_str(), &there) == 0 && ::fstat(impl_->fd.get(), &own) == 0 &&
         there.st_dev == own.st_dev && there.st_ino == own.st_ino;
}

bool SeekableGzipFile::is_raw() const {
  return impl_->index.is_raw;
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
    SLUICE_ASSIGN_OR_RETURN(const std::size_t n,
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
      SLUICE_ASSIGN_OR_RETURN(const auto bytes, read_some(at, to, scratch));
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
      SLUICE_ASSIGN_OR_RETURN(const auto* blocks, source().blocks());
      if (blocks->empty()) return damaged(source().path);
      const std::size_t number = block_at(*blocks, offset, &GzipBlock::compressed_offset);
      const std::uint64_t begin = (*blocks)[number].compressed_offset;
      const std::uint64_t end = source().index.end_in_file(number);
      const std::uint32_t stored_crc = (*blocks)[number].stored_crc;
      if (begin == offset && end - begin <= buffer.size()) {
        SLUICE_ASSIGN_OR_RETURN(const auto bytes, read_some(begin, end, buffer));
        if (crc32(0, bytes) != stored_crc) return damaged(source().path);
        offset = end;
        return bytes.size();
      }
      SLUICE_RETURN_IF_ERROR(check_block(begin, end, stored_crc, buffer));
    }
    SLUICE_ASSIGN_OR_RETURN(const auto bytes, read_some(offset, checked_to, buffer));
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
  bool is_in_block = false;
  std::uint32_t content_crc = 0;  // of the block that is being read, as its index has it
  std::optional<Error> failed = std::nullopt;

  // A block is looked at as it is stored, so that one that is damaged is told before a byte of it
  // is given, however large it is.
  Result<void> begin_block() {
    auto& source = GzipBlockReader::impl_of(*file);
    SLUICE_ASSIGN_OR_RETURN(const auto* blocks, source.blocks());
    const std::size_t number = block_at(*blocks, offset, &GzipBlock::uncompressed_offset);
    const GzipBlock& at = (*blocks)[number];
    SLUICE_ASSIGN_OR_RETURN(const std::uint32_t stored_crc, reader.stored_crc(source, number));
    if (stored_crc != at.stored_crc) return damaged(source.path);
    content_crc = at.content_crc;
    SLUICE_RETURN_IF_ERROR(reader.begin(source, number));
    std::array<char, kSkippedAtOnce> skipped;
    for (std::uint64_t left = offset - at.uncompressed_offset; left > 0;) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, skipped.size()));
      SLUICE_ASSIGN_OR_RETURN(const std::size_t n, reader.read(std::span(skipped).first(size)));
      left -= n;
    }
    is_in_block = true;
    return {};
  }

  Result<std::size_t> read(std::span<char> buffer) {
    std::size_t done = 0;
    while (done < buffer.size() && offset < file->info().uncompressed_size) {
      if (!is_in_block) SLUICE_RETURN_IF_ERROR(begin_block());
      SLUICE_ASSIGN_OR_RETURN(const std::size_t n, reader.read(buffer.subspan(done)));
      if (reader.content_left() == 0) {
        // It was right a moment ago. Whoever reads the disk twice may get two answers.
        if (reader.content_crc() != content_crc)
          return damaged(GzipBlockReader::impl_of(*file).path);
        is_in_block = false;
      }
      offset += n;
      done += n;
    }
    return done;
  }
};

InflatingReader::InflatingReader(std::shared_ptr<const SeekableGzipFile> file, std::uint64_t offset)
    : impl_(std::make_unique<Impl>()) {
  impl_->file = std::move(file);
  impl_->offset = offset;
}
InflatingReader::~InflatingReader() = default;

Result<std::size_t> InflatingReader::read(std::span<char> buffer) {
  if (impl_->failed) return *impl_->failed;
  auto n = impl_->read(buffer);
  if (!n) impl_->failed = n.error();
  return n;
}

}  // namespace sluice::output
