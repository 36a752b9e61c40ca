// zlib as the judge of our gzip files, and contents for them.
#include "gzip_fixture.h"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/bytes.h"

namespace sluice::output {

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    names.push_back(std::filesystem::relative(entry.path(), folder).string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string gunzip(std::string_view compressed) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);  // 16: gzip and nothing else
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string out;
  int status = Z_OK;
  while (status == Z_OK) {
    const std::size_t before = out.size();
    out.resize(before + (1u << 20));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = 1u << 20;
    status = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
  }
  EXPECT_EQ(status, Z_STREAM_END) << "not a whole gzip member";
  EXPECT_EQ(stream.avail_in, 0u) << "something follows the member";
  inflateEnd(&stream);
  return out;
}

std::uint32_t crc_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

void overwrite(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.flush()) << path;
}

std::vector<std::string> lines_of_size(std::size_t size, std::mt19937_64& random) {
  std::vector<std::string> lines;
  std::uniform_int_distribution<std::size_t> length(1, 600);
  while (size > 0) {
    const std::size_t n = std::min(length(random), size - 1);
    std::string line(n, 'x');
    if (random() % 2 == 0)
      for (auto& c : line) c = static_cast<char>(' ' + random() % 95);
    lines.push_back(std::move(line));
    size -= n + 1;
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text.append(line).push_back('\n');
  return text;
}

GzipFileInfo write_lines(const std::filesystem::path& path, const std::vector<std::string>& lines,
                         const GzipOptions& options) {
  auto writer = SeekableGzipWriter::create(path, options);
  EXPECT_TRUE(writer) << writer.error().detail;
  if (!writer) return {};
  for (const auto& line : lines) EXPECT_TRUE((*writer)->append_line(line));
  const auto info = (*writer)->finish();
  EXPECT_TRUE(info);
  return info ? *info : GzipFileInfo();
}

Result<std::string> read_range(const std::shared_ptr<const SeekableGzipFile>& file,
                               std::uint64_t offset, std::size_t size, std::size_t step) {
  InflatingReader reader(file, offset);
  std::string out;
  std::string buffer(step, '\0');
  while (out.size() < size) {
    const std::size_t wanted = std::min(step, size - out.size());
    SLUICE_ASSIGN_OR_RETURN(const std::size_t n, reader.read({buffer.data(), wanted}));
    out.append(buffer, 0, n);
    if (n < wanted) break;
  }
  return out;
}

Result<std::string> read_stored(const std::shared_ptr<const SeekableGzipFile>& file,
                                std::uint64_t offset, std::size_t size, std::size_t step) {
  StoredReader reader(file, offset);
  std::string out;
  std::string buffer(step, '\0');
  while (out.size() < size) {
    const std::size_t wanted = std::min(step, size - out.size());
    SLUICE_ASSIGN_OR_RETURN(const std::size_t n, reader.read({buffer.data(), wanted}));
    out.append(buffer, 0, n);
    if (n == 0) break;
  }
  return out;
}

std::string index_of_version_1(const GzipIndex& index) {
  std::string bytes = "SLGZIDX1" + index.identity;
  for (const std::uint64_t number :
       {index.info.lines, index.info.uncompressed_size, index.info.compressed_size,
        std::uint64_t{index.blocks.size()}})
    append_be64(bytes, number);
  for (const auto& block : index.blocks)
    for (const std::uint64_t number :
         {block.uncompressed_offset, block.compressed_offset, block.first_line})
      append_be64(bytes, number);
  append_be32(bytes, crc_of(bytes));
  return bytes;
}

void turn_into_version_1(const std::filesystem::path& path) {
  std::string bytes = content_of(path);
  const std::filesystem::path index = path.string() + ".idx";
  if (std::filesystem::exists(index)) {
    overwrite(index, index_of_version_1(*parse_gzip_index(content_of(index))));
    return;
  }
  // The subfield was 32 bytes long: identity, lines and size.
  bytes.erase(48, 8);
  bytes[10] = 36;
  bytes[14] = 32;
  overwrite(path, bytes);
}

std::uint64_t test_seed() {
  const char* given = std::getenv("SLUICE_TEST_SEED");
  const std::uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "SLUICE_TEST_SEED=" << seed << '\n';
  return seed;
}

}  // namespace sluice::output
