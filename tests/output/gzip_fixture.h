// What the tests of output files share: a folder, contents of every shape, and zlib as the judge,
// which knows nothing of our writer.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "output/gzip_index.h"
#include "output/seekable_gzip.h"
#include "temporary_folder.h"

namespace sluice::output {

/// The names in a folder, sorted; those in sub-folders with a '/'.
std::vector<std::string> names_in(const std::filesystem::path& folder);

/// The content of a gzip file of exactly one member with nothing behind it. Fails the test, and
/// gives what there was, for anything else.
std::string gunzip(std::string_view compressed);
/// CRC-32 of RFC 1952.
std::uint32_t crc_of(std::string_view bytes);

std::string content_of(const std::filesystem::path& path);
void overwrite(const std::filesystem::path& path, std::string_view bytes);

/// Lines of `size` bytes together, with their line breaks: of mixed lengths, half of them hard to
/// compress.
std::vector<std::string> lines_of_size(std::size_t size, std::mt19937_64& random);
/// The lines, each with a line break.
std::string joined(const std::vector<std::string>& lines);

/// Writes and finishes a file of these lines.
GzipFileInfo write_lines(const std::filesystem::path& path, const std::vector<std::string>& lines,
                         const GzipOptions& options = {});

/// An index as version 1 of the format had it, and a file and its index turned into such.
std::string index_of_version_1(const GzipIndex& index);
void turn_into_version_1(const std::filesystem::path& path);

/// The gzip bytes from `offset` on, `size` of them, in steps of `step`.
Result<std::string> read_stored(const std::shared_ptr<const SeekableGzipFile>& file,
                                std::uint64_t offset, std::size_t size,
                                std::size_t step = 1u << 16);
/// Reads from `offset` to the end, or `size` bytes, in steps of `step`.
Result<std::string> read_range(const std::shared_ptr<const SeekableGzipFile>& file,
                               std::uint64_t offset, std::size_t size, std::size_t step = 1u << 16);

/// The seed of a random test: SLUICE_TEST_SEED if set, else a new one. Printed either way.
std::uint64_t test_seed();

/// As long as it lives, no file of this process grows beyond `bytes`: a full disk for one test.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

}  // namespace sluice::output
