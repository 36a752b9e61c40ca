#include "smart/audit.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/log.h"

namespace sluice::smart {
namespace {

constexpr unsigned kNumberMax = 999'999;
constexpr std::size_t kWriteSize = 256u << 10;  // lines of several events go out together

// "2026-11-23T..." to "20261123".
std::string day_of(Instant instant) {
  const std::string text = to_fhir_instant(instant);
  return text.substr(0, 4) + text.substr(5, 2) + text.substr(8, 2);
}

std::string name_of(const std::string& day, unsigned number) {
  return fmt::format("audit-{}-{:03}.ndjson", day, number);
}

// The highest number of a day's files; 0 when there is none.
Result<unsigned> last_number(const std::filesystem::path& folder, const std::string& day) {
  const std::string start = fmt::format("audit-{}-", day);
  unsigned last = 0;
  std::error_code failed;
  std::filesystem::directory_iterator files(folder, failed);
  for (; !failed && files != std::filesystem::directory_iterator(); files.increment(failed)) {
    const std::string name = files->path().filename().string();
    if (!name.starts_with(start)) continue;
    unsigned number = 0;
    const char* const digits = name.data() + start.size();
    std::from_chars(digits, name.data() + name.size(), number);
    if (number <= kNumberMax && name == name_of(day, number)) last = std::max(last, number);
  }
  if (failed) return errno_error("list", folder, failed.value());
  return last;
}

}  // namespace

AuditLog::AuditLog(std::filesystem::path folder, const Clock& clock, AuditOptions options)
    : folder_(std::move(folder)), clock_(clock), options_(std::move(options)) {}

Result<std::unique_ptr<AuditLog>> AuditLog::open(const std::filesystem::path& folder,
                                                 const Clock& clock, AuditOptions options) {
  SLUICE_RETURN_IF_ERROR(make_folder(folder));
  std::unique_ptr<AuditLog> log(new AuditLog(folder, clock, std::move(options)));
  const std::string day = day_of(clock.now());
  SLUICE_ASSIGN_OR_RETURN(const unsigned number, last_number(folder, day));
  SLUICE_RETURN_IF_ERROR(log->open_file(day, std::max(1u, number)));
  log->syncer_ = std::thread([raw = log.get()] { raw->run(); });
  return log;
}

AuditLog::~AuditLog() {
  // Nobody is left to be told; write() said yes only to what had left the program.
  static_cast<void>(stop().has_value());
}

Result<void> AuditLog::open_file(const std::string& day, unsigned number) {
  const std::filesystem::path path = folder_ / name_of(day, number);
  const int fd = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return errno_error("open", path, errno);
  auto file = std::make_shared<FileDescriptor>(fd);
  struct stat status {};
  if (::fstat(fd, &status) != 0) return errno_error("stat", path, errno);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  bool torn = false;
  if (size > 0) {
    char last = 0;
    SLUICE_ASSIGN_OR_RETURN(const std::size_t n, read_at(fd, size - 1, {&last, 1}, path));
    torn = n == 1 && last != '\n';
  }
  SLUICE_RETURN_IF_ERROR(sync_folder(folder_));
  file_ = std::move(file);
  path_ = path;
  day_ = day;
  number_ = number;
  size_ = size;
  torn_ = torn;
  return {};
}

// The file that a line of that size goes to.
Result<void> AuditLog::make_ready(std::size_t line_size) {
  const std::string day = day_of(clock_.now());
  const bool is_full = size_ > 0 && size_ + line_size > options_.file_size_max;
  if (day == day_ && !is_full && !failed_) return {};
  if (!failed_) {
    SLUICE_RETURN_IF_ERROR(sync_file(file_->get(), path_));
  }
  // By the folder, not by number_: the clock may have been set back to a day that has files.
  SLUICE_ASSIGN_OR_RETURN(const unsigned last, last_number(folder_, day));
  SLUICE_RETURN_IF_ERROR(open_file(day, last + 1));
  SLUICE_RETURN_IF_ERROR(sync_file(file_->get(), path_));
  failed_ = false;
  unsynced_ = false;
  return {};
}

Result<void> AuditLog::write(const AuditEvent& event) {
  return write(std::span(&event, 1));
}

Result<void> AuditLog::write(std::span<const AuditEvent> events) {
  std::unique_lock lock(mutex_);
  if (stopping_) return storage_error("the audit log is closed", folder_.string());
  const Instant now = clock_.now();
  std::string lines;
  for (const auto& event : events) {
    lines += to_fhir_json(event, now, options_.source);
    lines += '\n';
    if (lines.size() < kWriteSize) continue;
    SLUICE_RETURN_IF_ERROR(append(lines));
    lines.clear();
  }
  if (lines.empty()) return {};
  return append(lines);
}

// Needs the lock.
Result<void> AuditLog::append(const std::string& lines) {
  SLUICE_RETURN_IF_ERROR(make_ready(lines.size()));
  const std::string whole = torn_ ? "\n" + lines : std::string();
  if (auto written = write_all(file_->get(), torn_ ? whole : lines, path_); !written) {
    // How much of it went out is not known; the next line starts a new one in any case.
    torn_ = true;
    return std::move(written).error();
  }
  torn_ = false;
  size_ += lines.size();
  if (!unsynced_) {
    unsynced_ = true;
    wake_.notify_one();
  }
  return {};
}

// fsync without the lock, so that no thread waits for the disk.
Result<void> AuditLog::sync_held(std::unique_lock<std::mutex>& lock) {
  if (!unsynced_) return {};
  const std::shared_ptr<FileDescriptor> file = file_;
  const std::filesystem::path path = path_;
  unsynced_ = false;
  lock.unlock();
  auto synced = sync_file(file->get(), path);
  lock.lock();
  if (!synced) {
    failed_ = true;
    spdlog::error("audit fsync failed error=\"{}\" detail=\"{}\"", synced.error().message,
                  synced.error().detail);
  }
  return synced;
}

Result<void> AuditLog::sync() {
  std::unique_lock lock(mutex_);
  return sync_held(lock);
}

void AuditLog::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wake_.wait(lock, [&] { return unsynced_ || stopping_; });
    if (stopping_) return;
    // What comes in this while goes to the disk with the same fsync.
    wake_.wait_for(lock, options_.sync_every, [&] { return stopping_; });
    static_cast<void>(sync_held(lock).has_value());  // logged, and remembered in failed_
  }
}

Result<void> AuditLog::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (syncer_.joinable()) syncer_.join();
  return sync();
}

}  // namespace sluice::smart
