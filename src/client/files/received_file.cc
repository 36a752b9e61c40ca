#include "client/files/received_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>

#include "client/files/ndjson_inflater.h"
#include "client/files/ndjson_lines.h"
#include "client/files/ndjson_writer.h"
#include "parquet/library.h"

namespace sluice::client {
namespace {

constexpr std::size_t kReadSize = 256u << 10;
constexpr std::uint64_t kCheckpointSize = 16u << 20;  // of received bytes, between two syncs
constexpr std::uint64_t kWriteBack = 8u << 20;        // of plain bytes, before writing is started
constexpr std::uint64_t kSizeSlack = 64u << 10;       // what gzip may add to a promised size
constexpr std::uint64_t kBombMin = 64u << 20;         // of plain bytes; below it nothing is a bomb
constexpr std::uint64_t kBombRatio = 200;             // resources shrink to a tenth, a thirtieth

constexpr std::chrono::milliseconds kTurnLook{100};

Error cancelled() {
  return {ErrorKind::kCancelled, "the download was stopped"};
}

std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix) {
  path += suffix;
  return path;
}

}  // namespace

std::filesystem::path part_path(const FilePlan& plan) {
  return with_suffix(plan.path, ".part");
}

// The plain side: what the pool's thread has read of the part and made of it.
struct ReceivedFile::Content {
  explicit Content(const FilePlan& file_plan)
      : plan(file_plan),
        inflater([this](std::string_view bytes) { return take(bytes); }),
        check(file_plan.type, file_plan.lines) {}

  const FilePlan& plan;
  NdjsonInflater inflater;
  LineCheck check;
  FileDescriptor out;  // of PATH.unpacked, for gzip that is not kept
  std::filesystem::path out_path;
  std::uint64_t used = 0;     // of the part
  std::uint64_t offered = 0;  // the same, with what is looked at now
  std::uint64_t size = 0;
  std::uint64_t written_back = 0;
  std::uint64_t synced = 0;  // of the part

  Result<void> feed(std::string_view bytes) {
    offered = used + bytes.size();
    if (!plan.is_opaque) return inflater.feed(bytes);
    size += bytes.size();
    return check_size();
  }

  // More than was promised, or than resources can be, is not received to its end.
  Result<void> check_size() const {
    const bool is_promised = plan.size && *plan.size > 0 && size <= *plan.size;
    if (is_promised) return {};
    // Some servers give the size of what they send, not of the NDJSON.
    if (plan.size && *plan.size > 0 && offered > *plan.size + kSizeSlack)
      return Error{ErrorKind::kTooLarge,
                   fmt::format("it has more bytes than the {} that the manifest says", *plan.size)};
    if (size > kBombMin && size / kBombRatio > offered)
      return Error{ErrorKind::kTooLarge,
                   fmt::format("it inflates to more than {} times of what was sent", kBombRatio)};
    return {};
  }

  Result<void> take(std::string_view bytes) {
    size += bytes.size();
    SLUICE_RETURN_IF_ERROR(check_size());
    if (plan.is_ndjson) SLUICE_RETURN_IF_ERROR(check.feed(bytes));
    if (!inflater.is_gzip() || plan.keeps_gzip) return {};
    if (!out) {
      out_path = with_suffix(plan.path, ".unpacked");
      SLUICE_ASSIGN_OR_RETURN(out, create_file(out_path));
    }
    SLUICE_RETURN_IF_ERROR(write_all(out.get(), bytes, out_path));
    if (size - written_back >= kWriteBack) {
      // The disk works while we receive; what is left for the sync at the end is little.
      ::sync_file_range(out.get(), static_cast<off_t>(written_back),
                        static_cast<off_t>(size - written_back), SYNC_FILE_RANGE_WRITE);
      written_back = size;
    }
    return {};
  }
};

ReceivedFile::ReceivedFile(FilePlan plan, FileDescriptor part, WorkerPool& pool, Events events)
    : plan_(std::move(plan)),
      part_path_(part_path(plan_)),
      part_(std::move(part)),
      pool_(pool),
      events_(std::move(events)),
      content_(std::make_unique<Content>(plan_)) {}
ReceivedFile::~ReceivedFile() = default;

// The end was not told, so the name came too early for whoever looks now: back to a part, unless
// the part is there still.
void ReceivedFile::take_back(const FilePlan& plan) {
  const auto part = part_path(plan);
  for (const char* suffix : {"", ".gz"}) {
    const auto path = with_suffix(plan.path, suffix);
    std::error_code gone;
    if (!std::filesystem::exists(path, gone)) continue;
    if (std::filesystem::exists(part, gone))
      ::unlink(path.c_str());
    else
      std::rename(path.c_str(), part.c_str());
  }
}

Result<std::shared_ptr<ReceivedFile>> ReceivedFile::open(FilePlan plan, std::uint64_t resume_at,
                                                         WorkerPool& pool, Events events) {
  const auto path = part_path(plan);
  // From zero it is another file: a reader may still have the old one open.
  if (resume_at == 0) ::unlink(path.c_str());
  FileDescriptor part(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!part) return errno_error("cannot create", path, errno);
  struct stat status {};
  if (::fstat(part.get(), &status) != 0) return errno_error("cannot stat", path, errno);
  const auto kept = std::min<std::uint64_t>(resume_at, static_cast<std::uint64_t>(status.st_size));
  if (::ftruncate(part.get(), static_cast<off_t>(kept)) != 0 ||
      ::lseek(part.get(), static_cast<off_t>(kept), SEEK_SET) < 0)
    return errno_error("cannot cut", path, errno);
  std::shared_ptr<ReceivedFile> file(
      new ReceivedFile(std::move(plan), std::move(part), pool, std::move(events)));
  file->received_ = kept;
  file->content_->synced = kept;
  if (kept > 0) file->schedule();
  return file;
}

Result<void> ReceivedFile::append(std::string_view bytes) {
  const std::uint64_t before = received();
  if (auto written = write_all(part_.get(), bytes, part_path_); !written) {
    // Half of it may be there: the next bytes must follow the last that count.
    if (::ftruncate(part_.get(), static_cast<off_t>(before)) == 0)
      ::lseek(part_.get(), static_cast<off_t>(before), SEEK_SET);
    return written.error();
  }
  received_.store(before + bytes.size(), std::memory_order_release);
  schedule();
  return {};
}

void ReceivedFile::end() {
  {
    const std::lock_guard lock(mutex_);
    is_ended_ = true;
  }
  schedule();
}

void ReceivedFile::cancel() {
  {
    const std::lock_guard lock(mutex_);
    is_cancelled_ = true;
  }
  // Whoever is at work ends first: a successor writes files of the same names.
  const std::lock_guard wait(work_mutex_);
}

bool ReceivedFile::is_cancelled() {
  const std::lock_guard lock(mutex_);
  return is_cancelled_;
}

void ReceivedFile::schedule() {
  {
    const std::lock_guard lock(mutex_);
    if (is_scheduled_ || is_cancelled_ || is_told_) return;
    is_scheduled_ = true;
  }
  pool_.post([self = shared_from_this()] { self->work(); });
}

void ReceivedFile::work() {
  for (;;) {
    const std::lock_guard working(work_mutex_);
    if (is_cancelled()) return;
    const auto more = step();
    if (more && *more) continue;
    bool is_last = false;
    {
      const std::lock_guard lock(mutex_);
      if (is_cancelled_ || is_told_) return;
      is_last = !more || (is_ended_ && content_->used == received());
      if (is_last) {
        is_told_ = true;
      } else if (content_->used == received()) {
        is_scheduled_ = false;
        return;
      }
    }
    if (!is_last) continue;
    auto summary = more ? finish() : Result<FileSummary>(more.error());
    if (!summary && summary.error().kind == ErrorKind::kCancelled) return;
    const bool is_whole = summary.has_value();
    events_.on_end(std::move(summary));
    // Only now: who saw neither an end nor a part would have to receive all of it again.
    if (is_whole) ::unlink(part_path_.c_str());
    return;
  }
}

// Uses up some of what was received; false when there is nothing left.
Result<bool> ReceivedFile::step() {
  const std::uint64_t received = received_.load(std::memory_order_acquire);
  auto& content = *content_;
  if (content.used == received) return false;
  // Of the thread: many files wait for one.
  thread_local std::string buffer(kReadSize, '\0');
  const auto wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(received - content.used, kReadSize));
  SLUICE_ASSIGN_OR_RETURN(
      const std::size_t n,
      read_at(part_.get(), content.used, std::span(buffer).first(wanted), part_path_));
  if (n == 0) return Result<bool>(corrupt("a part got shorter", part_path_.string()));
  SLUICE_RETURN_IF_ERROR(content.feed(std::string_view(buffer).substr(0, n)));
  content.used += n;
  if (content.used - content.synced >= kCheckpointSize) SLUICE_RETURN_IF_ERROR(checkpoint());
  return true;
}

Result<void> ReceivedFile::checkpoint() {
  const std::uint64_t bytes = received();
  if (::fdatasync(part_.get()) != 0) return errno_error("cannot sync", part_path_, errno);
  content_->synced = bytes;
  if (events_.on_checkpoint) events_.on_checkpoint(bytes);
  return {};
}

// Writes the lines of a received file that belong into it to PATH.sorted, the others to where
// strays go. Its result is what gets the file's name. It holds whole lines, so one file at a time
// in the process does it.
Result<std::filesystem::path> ReceivedFile::sort_out(const std::filesystem::path& source,
                                                     bool is_gzip) {
  static std::timed_mutex turn;
  std::unique_lock mine(turn, std::defer_lock);
  while (!mine.try_lock_for(kTurnLook))
    if (is_cancelled()) return cancelled();
  const auto sorted_path = with_suffix(plan_.path, ".sorted");
  SLUICE_RETURN_IF_ERROR(make_folder(plan_.stray_path.parent_path()));
  SLUICE_ASSIGN_OR_RETURN(const auto sorted, NdjsonWriter::create(sorted_path, is_gzip));
  SLUICE_ASSIGN_OR_RETURN(const auto strays, NdjsonWriter::create(plan_.stray_path, false));
  LineJudge judge(plan_.type, plan_.lines);
  SLUICE_RETURN_IF_ERROR(each_line(source, [&](std::string_view line) -> Result<void> {
    if (is_cancelled()) return cancelled();
    SLUICE_ASSIGN_OR_RETURN(const auto verdict, judge.judge(line));
    const auto kept = verdict.belongs() ? sorted->append(line) : Result<void>();
    return kept && verdict.is_odd() ? strays->append(line) : kept;
  }));
  SLUICE_RETURN_IF_ERROR(sorted->finish());
  SLUICE_RETURN_IF_ERROR(strays->finish());
  SLUICE_RETURN_IF_ERROR(sync_folder(plan_.stray_path.parent_path()));
  if (std::error_code none; source != part_path_) std::filesystem::remove(source, none);
  return sorted_path;
}

// Its rows; those of the manifest, or none, where nothing can count them.
Result<std::uint64_t> ReceivedFile::check_parquet() const {
  constexpr std::string_view kMagic = "PAR1";
  constexpr std::uint64_t kSmallest = 12;  // with the length of its footer
  std::string start(kMagic.size(), '\0');
  std::string end(kMagic.size(), '\0');
  const std::uint64_t size = received();
  if (size >= kSmallest) {
    SLUICE_RETURN_IF_ERROR(read_at(part_.get(), 0, start, part_path_));
    SLUICE_RETURN_IF_ERROR(read_at(part_.get(), size - end.size(), end, part_path_));
  }
  if (start != kMagic || end != kMagic)
    return corrupt("it does not begin and end as a Parquet file");
  const auto rows = parquet::count_rows(part_path_);
  if (!rows && rows.error().kind == ErrorKind::kUnsupported) return plan_.count.value_or(0);
  if (!rows) return corrupt("it is no whole Parquet file");
  if (plan_.count && *plan_.count != *rows)
    return corrupt(fmt::format("it has {} rows, the manifest says {}", *rows, *plan_.count));
  return *rows;
}

Result<FileSummary> ReceivedFile::finish() {
  auto& content = *content_;
  SLUICE_RETURN_IF_ERROR(content.inflater.finish());
  if (plan_.is_ndjson) SLUICE_RETURN_IF_ERROR(content.check.finish());
  const auto& check = content.check;
  const std::uint64_t strays = plan_.is_ndjson ? check.strays() : 0;
  FileSummary summary{{}, check.lines() - strays, content.size, received()};
  if (plan_.is_parquet) {
    SLUICE_ASSIGN_OR_RETURN(summary.lines, check_parquet());
  }
  // Some count what they report in the middle of it and the headers of blocks, some do not.
  if (plan_.is_ndjson && plan_.count && *plan_.count != check.lines() &&
      *plan_.count != summary.lines && *plan_.count != summary.lines - check.block_headers())
    return corrupt(
        fmt::format("it has {} lines, the manifest says {}", check.lines(), *plan_.count));
  // Another thing than the file altogether.
  if ((check.foreign() > 0 && summary.lines == 0) || (strays > 0 && plan_.stray_path.empty()))
    return corrupt(fmt::format("{}, not of type {}", check.stray_texts().front(), plan_.type));
  // Some servers give the size of what they send, not of the NDJSON.
  if (plan_.size && *plan_.size > 0 && *plan_.size != summary.size &&
      *plan_.size != summary.received_size)
    return corrupt(fmt::format("it has {} bytes, the manifest says {}", summary.size, *plan_.size));
  const bool is_gzip = content.inflater.is_gzip();
  auto target = plan_.path;
  if (is_gzip && plan_.keeps_gzip) target += ".gz";
  auto source = part_path_;
  if (is_gzip && !plan_.keeps_gzip) {
    if (!content.out) {
      content.out_path = with_suffix(plan_.path, ".unpacked");
      SLUICE_ASSIGN_OR_RETURN(content.out, create_file(content.out_path));
    }
    source = content.out_path;
    SLUICE_RETURN_IF_ERROR(sync_file(content.out.get(), source));
  } else {
    SLUICE_RETURN_IF_ERROR(sync_file(part_.get(), source));
  }
  if (strays + check.unclear() > 0) {
    SLUICE_ASSIGN_OR_RETURN(source, sort_out(source, target.extension() == ".gz"));
    summary.strays = strays + check.unclear();
    summary.stray_texts = check.stray_texts();
  }
  if (std::rename(source.c_str(), target.c_str()) != 0)
    return errno_error("cannot rename", source, errno);
  SLUICE_RETURN_IF_ERROR(sync_folder(plan_.path.parent_path()));
  summary.name = target.filename().string();
  return summary;
}

}  // namespace sluice::client
