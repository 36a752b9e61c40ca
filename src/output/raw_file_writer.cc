#include "output/raw_file_writer.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/file.h"
#include "output/gzip_index.h"
#include "output/temporary_file.h"

namespace sluice::output {

struct RawFileWriter::Impl {
  Impl(const std::filesystem::path& path, std::uint64_t size) : file(path), block_size(size) {}

  UnfinishedFile file;
  const std::uint64_t block_size;
  GzipIndex index;
  FileInfo info;
  bool closed = false;
  Result<void> broken;  // the first error: bytes are missing from then on

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
      SLUICE_RETURN_IF_ERROR(check_room(file.path().parent_path(), kDiskReserve));
    SLUICE_RETURN_IF_ERROR(file.write(bytes));
    // Only a hint, so that the sync at the end has little left to wait for.
    ::sync_file_range(file.fd(), static_cast<off64_t>(before), static_cast<off64_t>(bytes.size()),
                      SYNC_FILE_RANGE_WRITE);
    return {};
  }

  Result<void> close() {
    index.is_raw = true;
    index.info = info;
    index.identity = from_hex(random_hex(16)).value();
    SLUICE_RETURN_IF_ERROR(file.write_index(serialize(index)));
    index.blocks = {};
    closed = true;
    return {};
  }

  Result<void> finish() {
    if (!closed) SLUICE_RETURN_IF_ERROR(close());
    return file.finish();
  }
};

RawFileWriter::RawFileWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RawFileWriter::~RawFileWriter() = default;

Result<std::unique_ptr<RawFileWriter>> RawFileWriter::create(const std::filesystem::path& path,
                                                             std::size_t block_size) {
  auto impl = std::make_unique<Impl>(path, block_size);
  SLUICE_RETURN_IF_ERROR(impl->file.create());
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
  if (impl_->broken && !impl_->file.is_finished()) impl_->broken = impl_->finish();
  SLUICE_RETURN_IF_ERROR(impl_->broken);
  return impl_->info;
}

}  // namespace sluice::output
