#include "bulk/load/load_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include "base/file.h"
#include "base/inflater.h"
#include "base/text.h"
#include "base/utf8.h"

namespace sluice::bulk {
namespace {

constexpr std::size_t kChunk = 1u << 20;
constexpr std::size_t kReadSize = 256u << 10;
constexpr int kLookMilliseconds = 100;  // how often a wait looks whether to stop

bool is_loadable(const std::string& file_name) {
  const std::string name = to_lower(file_name);
  for (const std::string_view end : {".ndjson", ".jsonl", ".json"})
    if (name.ends_with(end) || name.ends_with(std::string(end) + ".gz")) return true;
  return false;
}

// "\r\n" does not count for the limit of a line.
constexpr std::size_t kLineBreak = 2;

Error stopped() {
  return {ErrorKind::kCancelled, "the load was stopped"};
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// By memchr(), which looks at 32 bytes at a time: lines are long.
std::uint64_t count_line_breaks(std::string_view text) {
  std::uint64_t count = 0;
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1))
    ++count;
  return count;
}

// What a piece of JSON leaves open at its end, innermost last; '"' for a string.
std::string open_brackets(std::string_view json) {
  std::string open;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') in_string = !in_string;
    if (in_string) i += c == '\\' ? 1 : 0;
    if (in_string) continue;
    if (c == '{' || c == '[') open.push_back(c);
    if ((c == '}' || c == ']') && !open.empty()) open.pop_back();
  }
  if (in_string) open.push_back('"');
  return open;
}

// Whether `text` begins one document over several lines: its first line leaves an object open and
// the next goes on with it. The first line of NDJSON may be cut, too; but then the next begins with
// '{' where no value can stand.
bool begins_document(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] != '{') return false;
  text.remove_prefix(first);
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  const std::string_view line = text.substr(0, end);
  const std::string open = open_brackets(line);
  if (open.empty() || open.back() == '"') return false;
  const std::size_t next = text.find_first_not_of(" \t\r\n", end);
  if (next == std::string_view::npos || text[next] != '{') return true;
  const char last = line[line.find_last_not_of(" \t\r")];
  return last == ':' || (open.back() == '[' && (last == '[' || last == ','));
}

// Adds the files below `folder` that can be loaded, in the order of their names.
Result<void> list_folder(const std::string& folder, std::vector<std::string>& files,
                         std::vector<std::string>& passed_over) {
  using Entries = std::filesystem::recursive_directory_iterator;
  std::vector<std::string> found;
  std::error_code failed;
  Entries entries(folder, failed);
  for (; !failed && entries != Entries(); entries.increment(failed)) {
    std::error_code gone;  // a link to nothing is no file
    if (entries->is_directory(gone) && !entries->is_symlink(gone)) continue;
    const bool is_wanted =
        is_loadable(entries->path().filename().string()) && entries->is_regular_file(gone);
    (is_wanted ? found : passed_over).push_back(entries->path().string());
  }
  if (failed) return errno_error("cannot read folder", folder, failed.value());
  std::sort(found.begin(), found.end());
  files.insert(files.end(), found.begin(), found.end());
  return {};
}

}  // namespace

ChunkLines::ChunkLines(const LoadChunk& chunk)
    : is_document_(chunk.is_document), rest_(chunk.text), next_number_(chunk.first_line) {}

bool ChunkLines::next() {
  while (!rest_.empty()) {
    const std::size_t end = is_document_ ? std::string_view::npos : rest_.find('\n');
    text_ = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    number_ = next_number_++;
    if (!is_blank(text_)) return true;
  }
  return false;
}

Result<std::vector<std::string>> list_load_files(
    const std::vector<std::string>& paths,
    const std::function<void(const std::string& path)>& on_passed_over) {
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
    std::vector<std::string> passed_over;
    SLUICE_RETURN_IF_ERROR(list_folder(path, files, passed_over));
    std::sort(passed_over.begin(), passed_over.end());
    for (const auto& each : passed_over)
      if (on_passed_over) on_passed_over(each);
  }
  return files;
}

// O_NONBLOCK: a named pipe is open before anybody writes to it. poll() waits for the first writer.
Result<FileDescriptor> open_load_file(const std::string& path) {
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return errno_error("cannot open", path, errno);
  return fd;
}

Result<std::size_t> read_load_file(int fd, std::span<char> buffer, const std::string& path,
                                   const std::stop_token& stop) {
  pollfd wanted{fd, POLLIN, 0};
  while (true) {
    if (stop.stop_requested()) return stopped();
    const int ready = ::poll(&wanted, 1, kLookMilliseconds);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR && errno != EAGAIN) return errno_error("cannot read", path, errno);
  }
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
  SourceLimits limits;
  std::string problem;  // why the bytes end here: the gzip data are damaged or cut
  GzipInflater inflater;
  std::string raw;            // compressed bytes
  std::string_view raw_left;  // what of them is not inflated yet
  std::string pending;        // plain bytes not given yet
  std::uint64_t line = 1;     // of pending's first byte
  std::uint64_t offset = 0;   // likewise, in the plain bytes
  std::stop_token stop;
  LargeText::Turn turn;  // while `pending` is larger than a common resource

  Result<std::size_t> read_raw(std::string& out) {
    const std::size_t before = out.size();
    out.resize(before + kReadSize);
    SLUICE_ASSIGN_OR_RETURN(const std::size_t n,
                            read_load_file(fd, std::span(out).subspan(before), path, stop));
    out.resize(before + n);
    read += n;
    return n;
  }

  // Adds plain bytes to `pending`, perhaps none yet.
  Result<void> fill() {
    // A few bytes can inflate to more than anybody waits for.
    if (stop.stop_requested()) return stopped();
    if (!is_gzip) {
      SLUICE_ASSIGN_OR_RETURN(const std::size_t n, read_raw(pending));
      at_end = n == 0;
      return {};
    }
    if (raw_left.empty() && !inflater.has_more()) {
      raw.clear();
      SLUICE_ASSIGN_OR_RETURN(const std::size_t n, read_raw(raw));
      raw_left = raw;
      if (n == 0) end_with(inflater.finish());
      if (at_end) return {};
    }
    const std::size_t before = pending.size();
    pending.resize(before + 4 * kReadSize);
    std::span<char> room = std::span(pending).subspan(before);
    const auto inflated = inflater.inflate(raw_left, room);
    pending.resize(pending.size() - room.size());
    if (!inflated) end_with(inflated);
    return {};
  }

  // The bytes end here, as they should or not.
  void end_with(const Result<void>& whole) {
    at_end = true;
    if (!whole) problem = whole.error().message;
  }

  // Looks at the first bytes: gzip, byte order mark, lines or one document.
  Result<void> start() {
    started = true;
    // A pipe may give them one by one.
    while (!at_end && raw.size() < 2) {
      SLUICE_ASSIGN_OR_RETURN(const std::size_t n, read_raw(raw));
      at_end = n == 0;
    }
    if (raw.starts_with("\x1f\x8b")) {
      is_gzip = true;
      raw_left = raw;
    } else {
      pending = std::move(raw);
      raw.clear();
    }
    while (!at_end && pending.size() < kReadSize) SLUICE_RETURN_IF_ERROR(fill());
    if (pending.starts_with(kByteOrderMark)) drop(kByteOrderMark.size());
    is_document = begins_document(pending);
    return {};
  }

  /// The most that `pending` may hold now without a line break.
  std::size_t size_max() const {
    const std::size_t most = is_document ? limits.document_size_max : limits.line_size_max;
    return turn ? most : std::min(limits.resource_size_max, most);
  }

  // Whether what is larger than a common resource may be held on; waits for its turn.
  Result<bool> go_on_large() {
    if (turn) return false;
    if (limits.only_type && limits.only_type != fhir::types::kGroup) return false;
    if (!can_be_large(pending, !limits.only_type)) return false;
    if (limits.large == nullptr) {
      turn = std::make_shared<int>();
    } else {
      SLUICE_ASSIGN_OR_RETURN(turn, limits.large->take_turn(stop));
    }
    // Once, so that it is not copied while it grows; pages that are not written to cost nothing.
    const std::size_t most = size_max();
    if (pending.size() <= most) pending.reserve(most + 8 * kReadSize);
    return pending.size() <= most;
  }

  // Passes over the rest of a line that is too long to hold.
  Result<void> skip_line() {
    drop(pending.size());
    std::string().swap(pending);
    turn.reset();
    std::size_t end = std::string::npos;
    while (end == std::string::npos && !at_end) {
      drop(pending.size());
      SLUICE_RETURN_IF_ERROR(fill());
      end = pending.find('\n');
    }
    drop(end == std::string::npos ? pending.size() : end + 1);
    ++line;
    return {};
  }

  void drop(std::size_t size) {
    offset += size;
    pending.erase(0, size);
  }

  void give(LoadChunk& chunk, std::size_t size) {
    chunk.first_line = line;
    offset += size;
    std::string rest = pending.substr(size);
    chunk.text = std::move(pending);
    chunk.text.resize(size);
    chunk.turn = std::move(turn);
    pending = std::move(rest);
    turn.reset();
    line += count_line_breaks(chunk.text);
    chunk.end = {offset, line};
  }
};

LoadSource::LoadSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LoadSource::~LoadSource() = default;

Result<std::unique_ptr<LoadSource>> LoadSource::open(const std::string& path, int fd,
                                                     const SourceLimits& limits) {
  auto impl = std::make_unique<Impl>();
  impl->limits = limits;
  impl->path = path;
  if (fd >= 0) {
    impl->fd = fd;
  } else if (path == "-") {
    impl->fd = STDIN_FILENO;
  } else {
    SLUICE_ASSIGN_OR_RETURN(impl->owned, open_load_file(path));
    impl->fd = impl->owned.get();
  }
  return std::unique_ptr<LoadSource>(new LoadSource(std::move(impl)));
}

void LoadSource::stop_with(std::stop_token stop) {
  impl_->stop = std::move(stop);
}

Result<void> LoadSource::skip_to(const LoadPosition& position) {
  Impl& impl = *impl_;
  if (position.offset == 0) return {};
  SLUICE_RETURN_IF_ERROR(impl.start());
  if (!impl.is_gzip && position.offset >= impl.offset + impl.pending.size()) {
    if (::lseek(impl.fd, static_cast<off_t>(position.offset), SEEK_SET) < 0)
      return errno_error("cannot seek in", impl.path, errno);
    impl.pending.clear();
    impl.offset = impl.read = position.offset;
  }
  while (impl.offset < position.offset) {
    impl.drop(std::min<std::uint64_t>(impl.pending.size(), position.offset - impl.offset));
    if (impl.offset == position.offset) break;
    if (impl.at_end) break;
    SLUICE_RETURN_IF_ERROR(impl.fill());
  }
  impl.line = position.line;
  return {};
}

std::uint64_t LoadSource::bytes_read() const {
  return impl_->read;
}

Result<bool> LoadSource::next(LoadChunk& chunk) {
  Impl& impl = *impl_;
  chunk = {};
  if (impl.broken) return false;
  if (!impl.started) SLUICE_RETURN_IF_ERROR(impl.start());
  chunk.is_document = impl.is_document;
  const std::size_t enough = std::min(kChunk, impl.size_max());
  std::size_t searched = 0;  // of `pending`, for a line's end
  while (true) {
    if (!impl.is_document && impl.pending.size() >= enough) {
      const std::size_t end = std::string_view(impl.pending).substr(searched).rfind('\n');
      if (end != std::string::npos) {
        impl.give(chunk, searched + end + 1);
        return true;
      }
      searched = impl.pending.size();
    }
    if (impl.at_end) break;
    if (impl.pending.size() > impl.size_max() + kLineBreak) {
      SLUICE_ASSIGN_OR_RETURN(const bool goes_on, impl.go_on_large());
      if (goes_on) continue;
      chunk.first_line = impl.line;
      chunk.problem = fmt::format("larger than {} bytes", impl.size_max());
      impl.broken = impl.is_document;
      if (!impl.is_document) SLUICE_RETURN_IF_ERROR(impl.skip_line());
      chunk.end = {impl.offset, impl.line};
      return true;
    }
    SLUICE_RETURN_IF_ERROR(impl.fill());
  }
  if (impl.problem.empty()) {
    if (is_blank(impl.pending)) return false;
    impl.give(chunk, impl.pending.size());
    return true;
  }
  const std::size_t end = impl.is_document ? std::string::npos : impl.pending.rfind('\n');
  if (end != std::string::npos) {
    impl.give(chunk, end + 1);
    return true;
  }
  impl.broken = true;
  impl.turn.reset();
  chunk.first_line = impl.line;
  chunk.problem = impl.problem;
  chunk.end = {impl.offset, impl.line};
  return true;
}

}  // namespace sluice::bulk
