#include "client/job_follower.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "client/url.h"

namespace sluice::client {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr unsigned kRefreshesMax = 5;  // of one file's URL
constexpr std::size_t kPagesMax = 1'000'000;
constexpr milliseconds kShowInterval{200};
constexpr std::size_t kFailuresKept = 100;

}  // namespace

JobFollower::JobFollower(PullState& state, const PullSettings& settings, const PullEvents& events,
                         const Session& session, TokenSource& tokens)
    : state_(state),
      settings_(settings),
      events_(events),
      session_(session),
      backoff_({session.vendor.first_poll, session.vendor.poll_max}),
      failure_backoff_({milliseconds(1000), session.vendor.poll_max}) {
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
  return is_lost_ || (state_.round().has_manifest && outstanding_.empty() && expired_.empty());
}

Result<JobFollower::End> JobFollower::run() {
  const auto& files = state_.round().files;
  for (std::size_t i = 0; i < files.size(); ++i) {
    order_[files[i].item.kind].push_back(i);
    by_url_[files[i].item.url] = i;
    if (files[i].is_done) {
      // A crash may have left what the file was made of.
      for (const char* suffix : {".part", ".unpacked"}) {
        std::error_code none;
        std::filesystem::remove(state_.folder_of(state_.round()) / (files[i].name + suffix), none);
      }
      ++done_;
      lines_ += files[i].summary.lines;
    }
  }
  next_poll_ = SteadyClock::now();
  // Only a complete manifest says whether files need a token.
  if (state_.round().has_manifest)
    for (std::size_t i = 0; i < files.size(); ++i)
      if (!files[i].is_done) SLUICE_CHECK(start_download(i));
  while (!is_over()) {
    SLUICE_CHECK(session_.waiter.check());
    if (SteadyClock::now() >= next_poll_) {
      if (!state_.round().has_manifest)
        SLUICE_CHECK(look());
      else if (!expired_.empty())
        SLUICE_CHECK(refresh());
    }
    show();
    {
      std::unique_lock lock(mutex_);
      if (journal_failure_) return *journal_failure_;
      auto until = SteadyClock::now() + kShowInterval;
      if (!state_.round().has_manifest || !expired_.empty()) until = std::min(until, next_poll_);
      ended_ready_.wait_until(lock, session_.waiter.stop(), until, [&] { return !ended_.empty(); });
    }
    SLUICE_CHECK(take_ended());
  }
  if (is_lost_) return End::kLost;
  downloader_->stop();
  show();
  if (unfinished_) return *unfinished_;
  return End::kAll;
}

void JobFollower::schedule(const Polled& polled) {
  auto wait = polled.retry_after ? backoff_.not_sooner(*polled.retry_after) : backoff_.next();
  if (polled.retry_after) backoff_.reset();
  wait = std::max(wait, settings_.poll_min);
  next_poll_ = SteadyClock::now() + wait;
}

// Reads the status and every page of the manifest that there is; files go to take_item.
Result<JobFollower::Reading> JobFollower::read() {
  position_.clear();
  seen_.clear();
  const auto take = [this](ManifestItem item) { return take_item(std::move(item)); };
  Reading reading;
  const std::string& status_url = state_.round().status_url;
  SLUICE_TRY(reading.polled, poll(session_, status_url, take, settings_.kick_off.wait_max));
  if (!reading.polled.manifest) return reading;
  std::set<std::string> pages;
  std::string from = status_url;
  std::string next = reading.polled.manifest->next;
  while (!next.empty()) {
    SLUICE_TRY(const auto url, resolve_url(from, next));
    if (!pages.insert(url).second || pages.size() > kPagesMax)
      return Error{ErrorKind::kConflict, "the manifest's pages lead back to themselves"};
    SLUICE_TRY(const auto page, poll(session_, url, take, settings_.kick_off.wait_max));
    if (!page.manifest) {
      // The next look reads it all again; what is known is not taken twice.
      if (reading.polled.state == Polled::State::kDone)
        reading.polled.trouble =
            page.trouble.empty() ? "a page of the manifest is missing" : page.trouble;
      return reading;
    }
    from = url;
    next = page.manifest->next;
  }
  reading.is_whole = reading.polled.state == Polled::State::kDone;
  return reading;
}

// What a look that brought nothing means; false: nothing to go on with now.
Result<bool> JobFollower::judge(const Reading& reading) {
  const Polled& polled = reading.polled;
  if (polled.state == Polled::State::kGone) {
    events_.notice(polled.trouble);
    is_lost_ = true;
    return false;
  }
  if (polled.trouble.empty()) {
    poll_failures_ = 0;
    failure_backoff_.reset();
    schedule(polled);
    return true;
  }
  if (++poll_failures_ > settings_.poll_failures_max)
    return Error{ErrorKind::kUnavailable, polled.trouble};
  Polled failed = polled;
  if (!failed.retry_after) failed.retry_after = failure_backoff_.next();
  events_.notice(polled.trouble + "; looking again later");
  schedule(failed);
  return false;
}

// One look at a job that runs.
Result<void> JobFollower::look() {
  SLUICE_TRY(const auto reading, read());
  SLUICE_TRY(const bool is_good, judge(reading));
  if (!is_good) return {};
  if (reading.polled.progress != server_says_) {
    server_says_ = reading.polled.progress;
    SLUICE_CHECK(state_.note_poll(server_says_));
  }
  if (!reading.polled.manifest) return {};
  // A partial one too says whether its files need a token.
  SLUICE_CHECK(state_.set_manifest(*reading.polled.manifest, reading.is_whole));
  const auto& files = state_.round().files;
  for (std::size_t i = 0; i < files.size(); ++i)
    if (!started_.contains(i) && !files[i].is_done) SLUICE_CHECK(start_download(i));
  return {};
}

// The manifest once more, for the URLs of files that were refused.
Result<void> JobFollower::refresh() {
  SLUICE_TRY(const auto reading, read());
  SLUICE_TRY(const bool is_good, judge(reading));
  if (!is_good || !reading.is_whole) return {};
  SLUICE_CHECK(state_.set_manifest(*reading.polled.manifest, true));
  const auto expired = std::exchange(expired_, {});
  for (const std::size_t index : expired) SLUICE_CHECK(start_download(index));
  return {};
}

// The file that an item is, if it was named before: by its URL, or, when URLs carry signatures that
// change, by its place in the manifest and its path.
std::optional<std::size_t> JobFollower::known_file(const ManifestItem& item) {
  if (const auto found = by_url_.find(item.url); found != by_url_.end()) return found->second;
  const auto& order = order_[item.kind];
  const std::size_t place = position_[item.kind];
  if (place >= order.size() || seen_.contains(order[place])) return std::nullopt;
  const ManifestItem& before = state_.round().files[order[place]].item;
  if (url_for_log(before.url) != url_for_log(item.url) || before.type != item.type ||
      before.count != item.count)
    return std::nullopt;
  return order[place];
}

Result<void> JobFollower::take_item(ManifestItem item) {
  SLUICE_TRY(item.url, resolve_url(state_.round().status_url, item.url));
  const auto known = known_file(item);
  if (known && !seen_.insert(*known).second) return {};  // `error` and `outcome` name the same
  ++position_[item.kind];
  if (known) {
    if (state_.round().files[*known].item.url == item.url) return {};
    by_url_[item.url] = *known;
    return state_.set_url(*known, item.url);
  }
  if (state_.round().has_manifest)
    return Error{ErrorKind::kConflict,
                 fmt::format("the manifest has changed: '{}' is new in it", url_for_log(item.url))};
  SLUICE_TRY(const std::size_t index, state_.add_file(item));
  order_[item.kind].push_back(index);
  by_url_[item.url] = index;
  seen_.insert(index);
  return {};
}

Result<void> JobFollower::start_download(std::size_t index) {
  const Round& round = state_.round();
  const FileState& file = round.files[index];
  const bool is_ours = !started_.insert(index).second;
  Download download;
  download.index = index;
  download.url = file.item.url;
  download.with_token = round.requires_access_token;
  const std::string& format = round.request.output_format;
  download.plan.path = state_.folder_of(round) / file.name;
  download.plan.keeps_gzip = settings_.keeps_gzip;
  download.plan.is_ndjson = format.empty() || format.find("ndjson") != std::string::npos ||
                            file.item.kind != FileKind::kOutput;
  download.plan.count = file.item.count;
  download.plan.size = file.item.size;
  SLUICE_CHECK(make_folder(download.plan.path.parent_path()));
  ReceivedFile::take_back(download.plan);
  // What the kernel has survives our death, but not the machine's. What came in this run counts.
  download.resume_at =
      is_ours || state_.same_boot() ? std::numeric_limits<std::uint64_t>::max() : file.synced;
  download.validator = file.validator;
  outstanding_.insert(index);
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
    if (summary) {
      ++done_;
      lines_ += summary->lines;
    } else {
      SLUICE_CHECK(take_failure(index, summary.error()));
    }
  }
  return {};
}

Result<void> JobFollower::take_failure(std::size_t index, const Error& error) {
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
      if (failures_.size() < kFailuresKept) failures_.push_back(error.message);
      events_.notice(error.message);
      return {};
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
      // The others may still come; the next run tries this one again.
      events_.notice(error.message);
      unfinished_ = error;
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
  progress.files_known = state_.round().files.size();
  progress.lines = lines_;
  progress.download = downloader_->progress();
  for (const auto& file : progress.download.files)
    progress.names.push_back(state_.round().files[file.index].name);
  events_.progress(progress);
}

}  // namespace sluice::client
