#include "raw_pipeline.h"

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace sluice::bench {
namespace {

constexpr std::size_t kBlock = 1u << 20;
constexpr std::size_t kFile = 256u << 20;

// One gzip file at a time; the bytes are compressed block by block as they come.
class RawWriter {
 public:
  RawWriter(std::filesystem::path folder, unsigned thread)
      : folder_(std::move(folder)), thread_(thread), output_(kBlock + kBlock / 2) {
    buffer_.reserve(kBlock + (16u << 20));
  }
  ~RawWriter() { close(); }

  void append(const char* data, std::size_t size) {
    if (fd_ < 0) open();
    buffer_.insert(buffer_.end(), data, data + size);
    buffer_.push_back('\n');
    if (buffer_.size() >= kBlock) flush(false);
    if (in_file_ >= kFile) close();
  }
  void close() {
    if (fd_ < 0) return;
    flush(true);
    ::fsync(fd_);
    ::close(fd_);
    fd_ = -1;
  }
  std::uint64_t compressed = 0;

 private:
  void open() {
    const auto path = folder_ / (std::to_string(thread_) + "-" + std::to_string(number_++));
    fd_ = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (fd_ < 0) throw std::runtime_error("cannot create " + path.string());
    isal_deflate_init(&stream_);
    stream_.level = 1;
    stream_.level_buf = level_buffer_.data();
    stream_.level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
    stream_.gzip_flag = IGZIP_GZIP;
    in_file_ = 0;
  }
  void flush(bool last) {
    stream_.next_in = reinterpret_cast<std::uint8_t*>(buffer_.data());
    stream_.avail_in = static_cast<std::uint32_t>(buffer_.size());
    stream_.end_of_stream = last ? 1 : 0;
    stream_.flush = FULL_FLUSH;
    do {
      stream_.next_out = output_.data();
      stream_.avail_out = static_cast<std::uint32_t>(output_.size());
      if (isal_deflate(&stream_) != COMP_OK) throw std::runtime_error("isal_deflate failed");
      const std::size_t n = output_.size() - stream_.avail_out;
      if (::write(fd_, output_.data(), n) != static_cast<ssize_t>(n))
        throw std::runtime_error("cannot write");
      compressed += n;
    } while (stream_.avail_out == 0);
    in_file_ += buffer_.size();
    buffer_.clear();
  }

  std::filesystem::path folder_;
  unsigned thread_;
  unsigned number_ = 0;
  int fd_ = -1;
  std::size_t in_file_ = 0;
  std::vector<char> buffer_;
  std::vector<std::uint8_t> output_;
  std::vector<std::uint8_t> level_buffer_ = std::vector<std::uint8_t>(ISAL_DEF_LVL1_DEFAULT);
  isal_zstream stream_{};
};

struct OpenDatabase {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::ColumnFamilyHandle* current = nullptr;

  explicit OpenDatabase(const std::string& path) {
    std::vector<std::string> names;
    auto status = rocksdb::DB::ListColumnFamilies({}, path, &names);
    if (!status.ok()) throw std::runtime_error(status.ToString());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const auto& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    rocksdb::DB* opened = nullptr;
    status = rocksdb::DB::OpenForReadOnly({}, path, families, &handles, &opened);
    if (!status.ok()) throw std::runtime_error(status.ToString());
    db.reset(opened);
    for (auto* handle : handles)
      if (handle->GetName() == "current") current = handle;
    if (current == nullptr) throw std::runtime_error("the store has no records");
  }
  ~OpenDatabase() {
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
  }
};

// Cuts the key space where table files begin, into more parts than threads.
std::vector<std::string> cut_points(const OpenDatabase& open) {
  rocksdb::ColumnFamilyMetaData meta;
  open.db->GetColumnFamilyMetaData(open.current, &meta);
  std::vector<std::string> points;
  for (const auto& level : meta.levels)
    for (const auto& file : level.files) points.push_back(file.smallestkey);
  std::sort(points.begin(), points.end());
  points.erase(std::unique(points.begin(), points.end()), points.end());
  if (points.empty()) points.emplace_back();
  points.front().clear();
  return points;
}

}  // namespace

RawResult run_raw_pipeline(const std::filesystem::path& data, const std::filesystem::path& out,
                           unsigned threads) {
  const OpenDatabase open((data / "store").string());
  std::filesystem::create_directories(out);
  const auto points = cut_points(open);
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  RawResult result;
  const auto start = std::chrono::steady_clock::now();
  const auto work = [&](unsigned thread) {
    RawWriter writer(out, thread);
    RawResult mine;
    for (std::size_t part; (part = next++) < points.size();) {
      rocksdb::ReadOptions options;
      options.fill_cache = false;
      options.readahead_size = 2u << 20;
      const std::string end = part + 1 < points.size() ? points[part + 1] : std::string();
      const rocksdb::Slice bound(end);
      if (!end.empty()) options.iterate_upper_bound = &bound;
      const std::unique_ptr<rocksdb::Iterator> it(open.db->NewIterator(options, open.current));
      for (it->Seek(points[part]); it->Valid(); it->Next()) {
        const rocksdb::Slice value = it->value();
        writer.append(value.data(), value.size());
        ++mine.records;
        mine.bytes += value.size();
      }
      if (!it->status().ok()) throw std::runtime_error(it->status().ToString());
    }
    writer.close();
    const std::lock_guard lock(mutex);
    result.records += mine.records;
    result.bytes += mine.bytes;
    result.compressed += writer.compressed;
  };
  std::vector<std::thread> pool;
  for (unsigned i = 0; i < threads; ++i) pool.emplace_back(work, i);
  for (auto& thread : pool) thread.join();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace sluice::bench
