#include "bulk/export/shard/shard_files.h"

#include <fmt/format.h>

#include <utility>

namespace sluice::bulk {

std::string ShardFiles::next_name(std::string_view what, std::string_view extension) {
  return fmt::format("{}-{}-{:03}.{}", what, stem_, number_++, extension);
}

Result<void> ShardFiles::close(std::unique_ptr<output::SeekableGzipWriter> writer, OutputFile file,
                               std::uint64_t lines_apart) {
  SLUICE_ASSIGN_OR_RETURN(const auto info, closed_.add(std::move(writer)));
  file.count = info.lines - lines_apart;
  file.size = info.uncompressed_size;
  list_.push_back(std::move(file));
  return {};
}

Result<void> ShardFiles::close_raw(std::unique_ptr<output::RawFileWriter> writer, OutputFile file) {
  SLUICE_ASSIGN_OR_RETURN(const auto info, closed_.add(std::move(writer)));
  file.size = info.compressed_size;
  list_.push_back(std::move(file));
  return {};
}

}  // namespace sluice::bulk
