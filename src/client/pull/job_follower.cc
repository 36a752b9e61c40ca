#include "client/pull/job_follower.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>

#include "client/pull/export_log.h"

namespace sluice::client {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A server that asks for two minutes after each look may be done in one second: a few early ones
// cost it nothing.
constexpr std::array kEarlyLooks = {milliseconds(2000), milliseconds(5000), milliseconds(15'000)};
constexpr milliseconds kEarlyAtFirst{1000};  // servers whose first look is later count our looks
constexpr milliseconds kFloorAtFirst{1000};
constexpr milliseconds kFloorMost{10'000};

constexpr unsigned kRefreshesMax = 5;  // of one file's URL
constexpr milliseconds kShowInterval{200};
constexpr std::size_t kFailuresKept = 100;
constexpr std::size_t kOutstandingMax = 256;  // files that the downloader knows of
constexpr unsigned kDoubtsMax = 3;            // looks, before an odd answer is believed

// The longest pause of our own, which --poll-max limits too.
milliseconds capped(milliseconds most, const PullSettings& settings) {
  return std::max(kFloorAtFirst, std::min(most, settings.kick_off.wait_max));
}

}  // namespace

JobFollower::JobFollower(PullState& state, const PullSettings& settings, const PullEvents& events,
                         const Session& session, TokenSource& tokens)
    : state_(state),
      settings_(settings),
      events_(events),
      session_(session),
      may_look_early_(session.vendor.first_poll <= kEarlyAtFirst),
      backoff_({session.vendor.first_poll, capped(session.vendor.poll_max, settings)}),
      floor_({kFloorAtFirst, capped(kFloorMost, settings)}),
      failure_backoff_({kFloorAtFirst, capped(session.vendor.poll_max, settings)}) {
  const auto keep = [this](const Result<void>& written) {
    if (written) return;
    const std::lock_guard lock(mutex_);
    journal_failure_ = written.error();
    ended_ready_.notify_all();
  };
  DownloadEvents told;
  told.on_begin = [this, keep](std::size_t index, const FileValidator& validator,
                               std::uint64_t offset) {
    keep(state_.note_begin(index, validator, offset));
  };
  told.on_checkpoint = [this, keep](std::size_t index, std::uint64_t bytes) {
    keep(state_.note_bytes(index, bytes));
  };
  told.on_end = [this, keep](std::size_t index, Result<FileSummary> summary) {
    if (summary) keep(state_.note_done(index, *summary));
    const std::lock_guard lock(mutex_);
    ended_.emplace_back(index, std::move(summary));
    ended_ready_.notify_all();
  };
  told.on_request = events.request;
  told.notice = events.notice;
  auto options = settings.download;
  options.parallel_max = std::min(options.parallel_max, session.vendor.parallel_max);
  downloader_ = std::make_unique<Downloader>(settings.connection, options, tokens, session.clock,
                                             std::move(told));
}

JobFollower::~JobFollower() = default;

bool JobFollower::is_over() const {
  return is_lost_ || (state_.round().has_manifest && outstanding_.empty() && expired_.empty() &&
                      next_start_ == state_.round().files->size());
}

Result<JobFollower::End> JobFollower::run() {
  const auto& files = *state_.round().files;
  for (std::size_t i = 0; i < files.size(); ++i) {
    SLUICE_ASSIGN_OR_RETURN(const FileState file, files.at(i));
    if (file.is_dropped) {
      ++dropped_;
      remove_dropped(file);
    } else if (file.is_done) {
      // A crash may have left what the file was made of.
      for (const char* suffix : {".part", ".unpacked", ".sorted"}) {
        std::error_code none;
        std::filesystem::remove(state_.folder_of(state_.round()) / (file.name + suffix), none);
      }
      ++done_;
      lines_ += file.summary.lines;
    }
  }
  began_ = SteadyClock::now();
  next_poll_ = began_;
  // Only a manifest of this run, or a complete one, says whether files need a token.
  is_fed_ = state_.round().has_manifest;
  while (!is_over()) {
    SLUICE_RETURN_IF_ERROR(session_.waiter.check());
    if (SteadyClock::now() >= next_poll_) {
      if (!state_.round().has_manifest)
        SLUICE_RETURN_IF_ERROR(look());
      else if (!expired_.empty())
        SLUICE_RETURN_IF_ERROR(refresh());
    }
    if (is_fed_) SLUICE_RETURN_IF_ERROR(feed());
    show();
    {
      std::unique_lock lock(mutex_);
      if (journal_failure_) return *journal_failure_;
      auto until = SteadyClock::now() + kShowInterval;
      if (!state_.round().has_manifest || !expired_.empty()) until = std::min(until, next_poll_);
      ended_ready_.wait_until(lock, session_.waiter.stop(), until, [&] { return !ended_.empty(); });
    }
    SLUICE_RETURN_IF_ERROR(take_ended());
  }
  if (is_lost_) return End::kLost;
  downloader_->stop();
  show();
  // Once for all of them: a server that is gone has no other reason for each.
  if (unfinished_ && unfinished_files_ > 1)
    unfinished_->message +=
        fmt::format("; {} more files could not be had either", unfinished_files_ - 1);
  if (unfinished_) return *unfinished_;
  return End::kAll;
}

std::vector<std::string> JobFollower::failures() const {
  std::vector<std::string> texts;
  for (const auto& [index, text] : failures_) texts.push_back(text);
  return texts;
}

void JobFollower::schedule(const Polled& polled) {
  const Time now = SteadyClock::now();
  if (polled.is_throttled) may_look_early_ = false;
  if (!polled.retry_after) {
    next_poll_ = now + backoff_.next();
    return;
  }
  const Time soonest = now + floor_.next();
  next_poll_ = std::max(soonest, now + floor_.not_sooner(*polled.retry_after));
  if (!may_look_early_ || !polled.trouble.empty()) return;
  while (early_looks_ < kEarlyLooks.size() && began_ + kEarlyLooks[early_looks_] < soonest)
    ++early_looks_;
  if (early_looks_ < kEarlyLooks.size())
    next_poll_ = std::min(next_poll_, began_ + kEarlyLooks[early_looks_]);
}

// What a look that brought nothing means; false: nothing to go on with now.
Result<bool> JobFollower::judge(const Reading& reading) {
  const Polled& polled = reading.polled;
  // One odd answer is none: gateways send pages and 500, and a job may be known a moment late.
  const bool is_doubt = polled.is_doubtful && (polled.state != Polled::State::kGone || !was_seen_);
  if (is_doubt && ++doubts_ < kDoubtsMax) {
    Polled again = polled;
    again.retry_after = failure_backoff_.next(polled.retry_after);
    events_.notice(polled.trouble + "; looking again");
    schedule(again);
    return false;
  }
  if (is_doubt && polled.state != Polled::State::kGone)
    return Error{ErrorKind::kConflict, polled.trouble};
  if (!is_doubt) doubts_ = 0;
  if (polled.state == Polled::State::kGone) {
    events_.notice(polled.trouble);
    is_lost_ = true;
    return false;
  }
  if (polled.trouble.empty()) {
    poll_failures_ = 0;
    was_seen_ = true;
    failure_backoff_.reset();
    schedule(polled);
    return true;
  }
  if (++poll_failures_ > settings_.poll_failures_max)
    return Error{ErrorKind::kUnavailable, polled.trouble};
  Polled failed = polled;
  failed.retry_after = failure_backoff_.next(failed.retry_after);
  events_.notice(polled.trouble + "; looking again later");
  schedule(failed);
  return false;
}

// One look at a job that runs.
Result<void> JobFollower::look() {
  SLUICE_ASSIGN_OR_RETURN(const auto reading, read());
  SLUICE_ASSIGN_OR_RETURN(const bool is_good, judge(reading));
  if (!is_good) return {};
  if (reading.polled.progress != server_says_) {
    server_says_ = reading.polled.progress;
    SLUICE_RETURN_IF_ERROR(state_.note_poll(server_says_));
  }
  if (!reading.polled.manifest) return {};
  SLUICE_RETURN_IF_ERROR(settle(reading.is_whole));
  // A partial one too says whether its files need a token.
  SLUICE_RETURN_IF_ERROR(
      note_manifest(*reading.polled.manifest, reading.polled.date, reading.is_whole));
  if (reading.is_whole) session_.log.manifest(state_.round(), reading.pages);
  is_fed_ = true;
  return {};
}

// Gives the downloader the next files, as many as it may know of.
Result<void> JobFollower::feed() {
  const auto& files = *state_.round().files;
  for (; next_start_ < files.size() && outstanding_.size() < kOutstandingMax; ++next_start_)
    if (!files.is_done(next_start_)) {
      const std::size_t index = next_start_;
      SLUICE_RETURN_IF_ERROR(start_download(index, true));
    }
  return {};
}

// The manifest once more, for the URLs of files that were refused.
Result<void> JobFollower::refresh() {
  SLUICE_ASSIGN_OR_RETURN(const auto reading, read());
  SLUICE_ASSIGN_OR_RETURN(const bool is_good, judge(reading));
  if (!is_good || !reading.is_whole) return {};
  SLUICE_RETURN_IF_ERROR(settle(true));
  if (!state_.round().has_manifest) return {};  // it is read anew
  SLUICE_RETURN_IF_ERROR(note_manifest(*reading.polled.manifest, reading.polled.date, true));
  const auto expired = std::exchange(expired_, {});
  for (const std::size_t index : expired) SLUICE_RETURN_IF_ERROR(start_download(index, false));
  return {};
}

Result<void> JobFollower::start_download(std::size_t index, bool is_first) {
  const Round& round = state_.round();
  SLUICE_ASSIGN_OR_RETURN(const FileState file, round.files->at(index));
  if (downloader_->is_gone(file.item.url)) {
    ++unfinished_files_;  // the reason is another file's
    return {};
  }
  if (is_first) session_.log.download_request(file.item);
  Download download;
  download.index = index;
  download.url = file.item.url;
  download.with_token = round.requires_access_token;
  const std::string& format = round.request.output_format;
  download.plan.path = state_.folder_of(round) / file.name;
  download.plan.keeps_gzip = settings_.keeps_gzip;
  download.plan.is_ndjson = format.empty() || format.find("ndjson") != std::string::npos ||
                            file.item.kind != FileKind::kOutput;
  if (is_parquet_name(file.name)) {
    download.plan.is_parquet = download.plan.is_opaque = true;
    download.plan.is_ndjson = false;
    download.accept = "application/vnd.apache.parquet, application/octet-stream;q=0.9, */*;q=0.5";
  }
  const bool is_mixed = !round.organized_by.empty() || !round.request.organize_output_by.empty();
  if (file.item.kind == FileKind::kOutput) {
    download.plan.type = is_mixed ? "" : file.item.type;
  } else {
    const bool is_deletions = file.item.kind == FileKind::kDeleted;
    download.plan.type = is_deletions ? "Bundle" : "OperationOutcome";
    download.plan.lines = is_deletions ? LineKind::kDeletions : LineKind::kOutcomes;
  }
  if (file.item.kind != FileKind::kOutcome)
    download.plan.stray_path = state_.folder_of(round) / stray_name(file.name);
  // What the server reports is worth having as it is: some count there what they could not export.
  if (file.item.kind != FileKind::kOutcome) {
    download.plan.count = file.item.count;
    download.plan.size = file.item.size;
  }
  SLUICE_RETURN_IF_ERROR(make_folder(download.plan.path.parent_path()));
  ReceivedFile::take_back(download.plan);
  // What the kernel has survives our death, but not the machine's. What came in this run counts.
  download.resume_at =
      !is_first || state_.same_boot() ? std::numeric_limits<std::uint64_t>::max() : file.synced;
  download.validator = file.validator;
  outstanding_[index] = file.name;
  downloader_->add(std::move(download));
  return {};
}

Result<void> JobFollower::take_ended() {
  std::deque<std::pair<std::size_t, Result<FileSummary>>> ended;
  {
    const std::lock_guard lock(mutex_);
    ended.swap(ended_);
  }
  for (auto& [index, summary] : ended) {
    outstanding_.erase(index);
    SLUICE_ASSIGN_OR_RETURN(const auto file, state_.round().files->at(index));
    if (file.is_dropped) {
      remove_dropped(file);
      continue;
    }
    if (summary) {
      ++done_;
      lines_ += summary->lines;
      refreshed_.erase(index);
      session_.log.download_complete(file.item, *summary);
    } else {
      session_.log.download_error(file.item, summary.error().message);
      SLUICE_RETURN_IF_ERROR(take_failure(index, summary.error()));
    }
  }
  return {};
}

Result<void> JobFollower::take_failure(std::size_t index, const Error& error) {
  const bool is_ours = error.kind == ErrorKind::kCancelled || error.kind == ErrorKind::kStorage ||
                       error.kind == ErrorKind::kUnauthenticated ||
                       error.kind == ErrorKind::kForbidden || error.kind == ErrorKind::kInternal;
  if (state_.round().files->kind(index) == FileKind::kOutcome && !is_ours &&
      (error.kind != ErrorKind::kGone || refreshed_[index] >= kRefreshesMax)) {
    // What is only said about the data must not keep them back; the report names it.
    events_.notice("what the server reports cannot be had: " + error.message);
    SLUICE_ASSIGN_OR_RETURN(const auto file, state_.round().files->at(index));
    std::error_code none;  // the round ends without it
    std::filesystem::remove(state_.folder_of(state_.round()) / (file.name + ".part"), none);
    return {};
  }
  switch (error.kind) {
    case ErrorKind::kGone:
      // Perhaps only the URL has expired: a fresh manifest has another.
      if (++refreshed_[index] <= kRefreshesMax) {
        if (expired_.empty() && state_.round().has_manifest)
          next_poll_ = SteadyClock::now() +
                       (refreshed_[index] == 1 ? milliseconds(0) : failure_backoff_.next());
        expired_.insert(index);
        return {};
      }
      [[fallthrough]];
    case ErrorKind::kCorrupt:
    case ErrorKind::kConflict:
    case ErrorKind::kTooLarge:
      if (failures_.size() < kFailuresKept) failures_[index] = error.message;
      events_.notice(error.message);
      return {};
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
      // The others may still come; the next run tries these again.
      if (!unfinished_) unfinished_ = error;
      ++unfinished_files_;
      return {};
    default:
      return error;
  }
}

void JobFollower::show() {
  if (!events_.progress) return;
  PullProgress progress;
  progress.phase = state_.round().has_manifest ? "downloading" : "waiting for the server";
  progress.server_says = server_says_;
  progress.files_done = done_;
  progress.files_known = state_.round().files->size() - dropped_;
  progress.lines = lines_;
  progress.download = downloader_->progress();
  for (const auto& file : progress.download.files) {
    const auto named = outstanding_.find(file.index);
    progress.names.push_back(named == outstanding_.end() ? "" : named->second);
  }
  events_.progress(progress);
}

}  // namespace sluice::client
