#include "output/raw_file_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/file.h"
#include "output/gzip_index.h"
#include "output/temporary_file.h"

namespace sluice::output {

struct RawFileWriter::Impl {
  std::filesystem::path path;
  std::filesystem::path data_path;   // temporary
  std::filesystem::path index_file;  // temporary
  std::uint64_t block_size = 0;
  FileDescriptor fd;
  FileDescriptor index_fd;
  GzipIndex index;
  FileInfo info;
  bool closed = false;
  bool finished = false;
  Result<void> broken;  // the first error: bytes are missing from then on

  ~Impl() {
    if (finished) return;
    ::unlink(data_path.c_str());
    ::unlink(index_file.c_str());
  }

  // Blocks end where their size is reached, however the bytes come.
  void note(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::uint64_t at = info.compressed_size;
      if (at % block_size == 0) index.blocks.push_back({at, at, 0, 0, 0});
      const auto n = static_cast<std::size_t>(
          std::min<std::uint64_t>(bytes.size(), block_size - at % block_size));
      GzipBlock& block = index.blocks.back();
      block.stored_crc = block.content_crc = crc32(block.stored_crc, bytes.substr(0, n));
      info.compressed_size += n;
      bytes.remove_prefix(n);
    }
    info.uncompressed_size = info.compressed_size;
  }

  Result<void> append(std::string_view bytes) {
    const std::uint64_t before = info.compressed_size;
    note(bytes);
    if (before / block_size != info.compressed_size / block_size || before == 0)
      SLUICE_RETURN_IF_ERROR(check_room(path.parent_path(), kDiskReserve));
    SLUICE_RETURN_IF_ERROR(write_all(fd.get(), bytes, data_path));
    // Only a hint, so that the sync at the end has little left to wait for.
    ::sync_file_range(fd.get(), static_cast<off64_t>(before), static_cast<off64_t>(bytes.size()),
                      SYNC_FILE_RANGE_WRITE);
    return {};
  }

  Result<void> close() {
    index.is_raw = true;
    index.info = info;
    index.identity = from_hex(random_hex(16)).value();
    SLUICE_ASSIGN_OR_RETURN(index_fd, create_file(index_file));
    SLUICE_RETURN_IF_ERROR(write_all(index_fd.get(), serialize(index), index_file));
    index.blocks = {};
    closed = true;
    return {};
  }

  Result<void> finish() {
    if (!closed) SLUICE_RETURN_IF_ERROR(close());
    SLUICE_RETURN_IF_ERROR(sync_file(fd.get(), data_path));
    SLUICE_RETURN_IF_ERROR(sync_file(index_fd.get(), index_file));
    // The index first: a data file under its name always has one.
    SLUICE_RETURN_IF_ERROR(rename_to(index_file, index_path(path)));
    SLUICE_RETURN_IF_ERROR(rename_to(data_path, path));
    finished = true;
    return {};
  }
};

RawFileWriter::RawFileWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RawFileWriter::~RawFileWriter() = default;

Result<std::unique_ptr<RawFileWriter>> RawFileWriter::create(const std::filesystem::path& path,
                                                             std::size_t block_size) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->data_path = temporary_path(path);
  impl->index_file = temporary_path(index_path(path));
  impl->block_size = block_size;
  SLUICE_ASSIGN_OR_RETURN(impl->fd, create_file(impl->data_path));
  return std::unique_ptr<RawFileWriter>(new RawFileWriter(std::move(impl)));
}

Result<void> RawFileWriter::append(std::string_view bytes) {
  if (impl_->broken) impl_->broken = impl_->append(bytes);
  return impl_->broken;
}

const FileInfo& RawFileWriter::info() const {
  return impl_->info;
}

Result<void> RawFileWriter::close() {
  if (impl_->broken && !impl_->closed) impl_->broken = impl_->close();
  return impl_->broken;
}

Result<FileInfo> RawFileWriter::finish() {
  // Not tried again after an error: what a failed sync did not write is not told twice.
  if (impl_->broken && !impl_->finished) impl_->broken = impl_->finish();
  SLUICE_RETURN_IF_ERROR(impl_->broken);
  return impl_->info;
}

}  // namespace sluice::output
