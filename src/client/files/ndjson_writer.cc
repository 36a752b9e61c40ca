#include "client/files/ndjson_writer.h"

#include <isa-l/igzip_lib.h>

#include <string>

#include "base/file.h"

namespace sluice::client {
namespace {

constexpr std::size_t kBufferSize = 1u << 20;

}  // namespace

struct NdjsonWriter::Impl {
  FileDescriptor file;
  std::filesystem::path path;
  bool is_gzip = false;
  std::string pending = {};
  std::string packed = {};
  std::string level_buffer = {};
  isal_zstream stream{};

  void start_gzip() {
    level_buffer.resize(ISAL_DEF_LVL1_DEFAULT);
    packed.resize(kBufferSize);
    isal_deflate_init(&stream);
    stream.level = 1;
    stream.level_buf = reinterpret_cast<std::uint8_t*>(level_buffer.data());
    stream.level_buf_size = static_cast<std::uint32_t>(level_buffer.size());
    stream.gzip_flag = IGZIP_GZIP;
  }

  Result<void> flush(bool is_end) {
    SLUICE_RETURN_IF_ERROR(write(pending, is_end));
    pending.clear();
    return {};
  }

  Result<void> write(std::string_view bytes, bool is_end) {
    if (!is_gzip) return write_all(file.get(), bytes, path);
    stream.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<std::uint32_t>(bytes.size());
    stream.end_of_stream = is_end ? 1 : 0;
    do {
      stream.next_out = reinterpret_cast<std::uint8_t*>(packed.data());
      stream.avail_out = static_cast<std::uint32_t>(packed.size());
      if (isal_deflate(&stream) != COMP_OK)
        return Error{ErrorKind::kInternal, "cannot compress", path.string()};
      SLUICE_RETURN_IF_ERROR(write_all(
          file.get(), std::string_view(packed).substr(0, packed.size() - stream.avail_out), path));
    } while (stream.avail_out == 0);
    return {};
  }
};

NdjsonWriter::NdjsonWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NdjsonWriter::~NdjsonWriter() = default;

Result<std::unique_ptr<NdjsonWriter>> NdjsonWriter::create(const std::filesystem::path& path,
                                                           bool is_gzip) {
  auto impl = std::make_unique<Impl>();
  SLUICE_ASSIGN_OR_RETURN(impl->file, create_file(path));
  impl->path = path;
  impl->is_gzip = is_gzip;
  if (is_gzip) impl->start_gzip();
  return std::unique_ptr<NdjsonWriter>(new NdjsonWriter(std::move(impl)));
}

Result<void> NdjsonWriter::append(std::string_view line) {
  if (line.size() >= kBufferSize) {
    // Not copied: it may be as large as all that a pull may take.
    SLUICE_RETURN_IF_ERROR(impl_->flush(false));
    SLUICE_RETURN_IF_ERROR(impl_->write(line, false));
    line = {};
  }
  impl_->pending.append(line);
  impl_->pending += '\n';
  return impl_->pending.size() < kBufferSize ? Result<void>() : impl_->flush(false);
}

Result<void> NdjsonWriter::finish() {
  SLUICE_RETURN_IF_ERROR(impl_->flush(true));
  return sync_file(impl_->file.get(), impl_->path);
}

}  // namespace sluice::client
