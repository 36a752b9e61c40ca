#include "bulk/load_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <isa-l/igzip_lib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include "base/file.h"

namespace sluice::bulk {
namespace {

constexpr std::size_t kChunk = 1u << 20;
constexpr std::size_t kReadSize = 256u << 10;
constexpr std::size_t kLineMax = 272u << 20;      // above the largest Group
constexpr std::size_t kDocumentMax = 512u << 20;  // a Bundle in one file

bool is_loadable(const std::string& name) {
  for (const std::string_view end : {".ndjson", ".jsonl", ".json"})
    if (name.ends_with(end) || name.ends_with(std::string(end) + ".gz")) return true;
  return false;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

Result<std::vector<std::string>> list_load_files(const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  for (const auto& path : paths) {
    std::error_code failed;
    if (path == "-" || !fs::is_directory(path, failed)) {
      if (path != "-" && !fs::exists(path, failed))
        return not_found(fmt::format("there is no file or folder '{}'", path));
      files.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(path, failed))
      if (entry.is_regular_file(failed) && is_loadable(entry.path().filename().string()))
        found.push_back(entry.path().string());
    if (failed) return errno_error("cannot read folder", path, failed.value());
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

struct LoadSource::Impl {
  std::string path;
  FileDescriptor owned;
  int fd = -1;
  std::uint64_t read = 0;
  bool at_end = false;  // of the bytes
  bool started = false;
  bool is_gzip = false;
  bool is_document = false;
  bool broken = false;  // a problem was reported: nothing follows
  inflate_state inflate{};
  std::string raw;  // compressed bytes not inflated yet
  std::size_t raw_used = 0;
  bool member_open = false;
  std::string pending;     // plain bytes not given yet
  std::uint64_t line = 1;  // of pending's first byte

  Result<std::size_t> read_raw(std::string& out) {
    const std::size_t before = out.size();
    out.resize(before + kReadSize);
    ssize_t n = 0;
    do {
      n = ::read(fd, out.data() + before, kReadSize);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return errno_error("cannot read", path, errno);
    out.resize(before + static_cast<std::size_t>(n));
    read += static_cast<std::uint64_t>(n);
    return static_cast<std::size_t>(n);
  }

  // Adds plain bytes to `pending`; `problem` is set when the gzip bytes are damaged or cut.
  Result<void> fill(std::string& problem) {
    if (!is_gzip) {
      SLUICE_TRY(const std::size_t n, read_raw(pending));
      at_end = n == 0;
      return {};
    }
    if (raw_used == raw.size()) {
      raw.clear();
      raw_used = 0;
      SLUICE_TRY(const std::size_t n, read_raw(raw));
      if (n == 0) {
        at_end = true;
        if (member_open) problem = "the gzip data end in the middle";
        return {};
      }
    }
    if (!member_open) {
      isal_inflate_init(&inflate);
      inflate.crc_flag = ISAL_GZIP;
      member_open = true;
    }
    inflate.next_in = reinterpret_cast<std::uint8_t*>(raw.data() + raw_used);
    inflate.avail_in = static_cast<std::uint32_t>(raw.size() - raw_used);
    const std::size_t before = pending.size();
    pending.resize(before + 4 * kReadSize);
    inflate.next_out = reinterpret_cast<std::uint8_t*>(pending.data() + before);
    inflate.avail_out = static_cast<std::uint32_t>(4 * kReadSize);
    const int status = isal_inflate(&inflate);
    pending.resize(pending.size() - inflate.avail_out);
    raw_used = raw.size() - inflate.avail_in;
    if (status != ISAL_DECOMP_OK) {
      problem = "the gzip data are damaged";
      at_end = true;
    } else if (inflate.block_state == ISAL_BLOCK_FINISH) {
      member_open = false;
    }
    return {};
  }

  // Looks at the first bytes: gzip, byte order mark, lines or one document.
  Result<void> start(std::string& problem) {
    started = true;
    SLUICE_TRY(const std::size_t n, read_raw(raw));
    if (raw.size() >= 2 && raw[0] == '\x1f' && raw[1] == '\x8b') {
      is_gzip = true;
    } else {
      pending = std::move(raw);
      raw.clear();
      at_end = n == 0;
    }
    while (!at_end && pending.size() < kReadSize && problem.empty()) SLUICE_CHECK(fill(problem));
    if (pending.starts_with("\xef\xbb\xbf")) pending.erase(0, 3);
    // One document over several lines is seen by a first line that does not close what it opens.
    const std::size_t first = pending.find_first_not_of(" \t\r\n");
    if (first == std::string::npos) return {};
    const std::size_t end = pending.find('\n', first);
    const std::string_view first_line =
        std::string_view(pending).substr(first, end == std::string::npos ? end : end - first);
    const std::size_t last = first_line.find_last_not_of(" \t\r");
    is_document = end != std::string::npos && first_line.front() == '{' &&
                  (last == 0 || first_line[last] != '}');
    return {};
  }

  void give(LoadChunk& chunk, std::size_t size) {
    chunk.first_line = line;
    if (size == pending.size()) {
      chunk.text = std::move(pending);
      pending.clear();
    } else {
      chunk.text = pending.substr(0, size);
      pending.erase(0, size);
    }
    line += static_cast<std::uint64_t>(std::count(chunk.text.begin(), chunk.text.end(), '\n'));
  }
};

LoadSource::LoadSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LoadSource::~LoadSource() = default;

Result<std::unique_ptr<LoadSource>> LoadSource::open(const std::string& path, int fd) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  if (fd >= 0) {
    impl->fd = fd;
  } else if (path == "-") {
    impl->fd = STDIN_FILENO;
  } else {
    SLUICE_TRY(impl->owned, open_for_reading(path));
    impl->fd = impl->owned.get();
  }
  return std::unique_ptr<LoadSource>(new LoadSource(std::move(impl)));
}

std::uint64_t LoadSource::bytes_read() const {
  return impl_->read;
}

Result<bool> LoadSource::next(LoadChunk& chunk) {
  Impl& impl = *impl_;
  chunk = {};
  chunk.path = impl.path;
  if (impl.broken) return false;
  std::string problem;
  if (!impl.started) SLUICE_CHECK(impl.start(problem));
  const std::size_t size_max = impl.is_document ? kDocumentMax : kLineMax;
  std::size_t searched = 0;  // of `pending`, for a line's end
  std::size_t whole = std::string::npos;
  while (problem.empty()) {
    if (!impl.is_document && impl.pending.size() >= kChunk) {
      whole = impl.pending.rfind('\n');
      if (whole != std::string::npos && whole >= searched) break;
      searched = impl.pending.size();
    }
    if (impl.at_end) break;
    if (impl.pending.size() > size_max) {
      problem = fmt::format("larger than {} bytes", size_max);
      break;
    }
    SLUICE_CHECK(impl.fill(problem));
  }
  chunk.is_document = impl.is_document;
  if (!problem.empty()) {
    // What came before the damage and is whole still counts.
    const std::size_t end = impl.is_document ? std::string::npos : impl.pending.rfind('\n');
    if (end != std::string::npos && !is_blank({impl.pending.data(), end})) {
      impl.pending.resize(end + 1);
      impl.at_end = true;
      impl.is_gzip = false;
      impl.give(chunk, impl.pending.size());
      impl.pending.clear();
      impl.broken = false;
      pending_problem_ = problem;
      return true;
    }
    impl.broken = true;
    chunk.first_line = impl.line;
    chunk.problem = problem;
    return true;
  }
  if (whole != std::string::npos) {
    impl.give(chunk, whole + 1);
    return true;
  }
  if (!pending_problem_.empty() && impl.pending.empty()) {
    impl.broken = true;
    chunk.first_line = impl.line;
    chunk.problem = pending_problem_;
    return true;
  }
  if (is_blank(impl.pending)) return false;
  impl.give(chunk, impl.pending.size());
  return true;
}

}  // namespace sluice::bulk
