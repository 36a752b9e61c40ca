#include "client/files/downloader.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/shown_url.h"
#include "client/files/file_transfer.h"
#include "client/http/url.h"
#include "transport/transfer_set.h"

namespace sluice::client {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr unsigned kParallelAtFirst = 4;
constexpr std::size_t kCheckingMax = 16;  // each holds buffers until its thread has time for it
constexpr milliseconds kTick{500};
constexpr milliseconds kAgainAfterDamage{1000};
constexpr std::size_t kUnheardFiles = 4;  // of which one has no retries left: their server is gone

}  // namespace

struct Downloader::Impl {
  Impl(Connection c, DownloadOptions o, TokenSource& t, const Clock& k, DownloadEvents e)
      : connection(std::move(c)),
        options(std::move(o)),
        tokens(t),
        clock(k),
        events(std::move(e)),
        pool({.threads = std::max(1u, options.check_threads), .name = "pull-check"}),
        limit(std::min(kParallelAtFirst, options.parallel_max)) {}

  const Connection connection;
  const DownloadOptions options;
  TokenSource& tokens;
  const Clock& clock;
  const DownloadEvents events;
  WorkerPool pool;

  mutable std::mutex mutex;
  std::deque<Download> added;                         // guarded by mutex
  std::deque<std::pair<std::size_t, Error>> unsound;  // guarded by mutex: content failed
  DownloadProgress shown;                             // guarded by mutex
  std::set<std::string> gone;                         // guarded by mutex: origins

  // Of the thread.
  std::uint64_t received = 0;
  transport::TransferSet transfers;
  std::map<std::string, SteadyClock::time_point> heard;  // last, by origin
  std::deque<std::unique_ptr<FileTransfer>> waiting;
  std::map<const transport::Transfer*, std::unique_ptr<FileTransfer>> running;
  std::map<std::size_t, std::unique_ptr<FileTransfer>> checking;  // received, by index
  unsigned limit;
  SteadyClock::time_point paused_until = {};
  std::jthread thread;

  void run(const std::stop_token& stop);
  void take_added();
  void take_unsound();
  std::unique_ptr<FileTransfer> stop_transfer(std::size_t index);
  bool may_start() const { return running.size() < limit && checking.size() < kCheckingMax; }
  void start_some();
  void start(std::unique_ptr<FileTransfer> transfer);
  void take_finished();
  void handle_end(std::unique_ptr<FileTransfer> transfer);
  bool note_silence(FileTransfer& transfer, NextStep next);
  void end_unheard(const std::string& origin);
  void end_gone(std::unique_ptr<FileTransfer> transfer);
  bool is_gone(const std::string& origin) const;
  void to_check(std::unique_ptr<FileTransfer> transfer);
  void show();
  milliseconds pause() const;
  Result<std::shared_ptr<ReceivedFile>> make_file(FileTransfer& transfer);
  void log(const FileTransfer& transfer, std::string problem) const;
  Error failure_of(const FileTransfer& transfer) const;
  void queue_later(std::unique_ptr<FileTransfer> transfer, milliseconds wait) {
    transfer->due = SteadyClock::now() + wait;
    waiting.push_back(std::move(transfer));
  }
};

Downloader::Downloader(Connection connection, DownloadOptions options, TokenSource& tokens,
                       const Clock& clock, DownloadEvents events)
    : impl_(std::make_unique<Impl>(std::move(connection), std::move(options), tokens, clock,
                                   std::move(events))) {
  impl_->thread =
      std::jthread([impl = impl_.get()](const std::stop_token& stop) { impl->run(stop); });
}

Downloader::~Downloader() {
  stop();
}

void Downloader::stop() {
  if (!impl_->thread.joinable()) return;
  impl_->thread.request_stop();
  impl_->transfers.wake();
  impl_->thread.join();
  impl_->pool.stop();
}

void Downloader::add(Download download) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->added.push_back(std::move(download));
  }
  impl_->transfers.wake();
}

bool Downloader::is_gone(const std::string& url) const {
  return impl_->is_gone(origin_of(url));
}

DownloadProgress Downloader::progress() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->shown;
}

void Downloader::Impl::run(const std::stop_token& stop) {
  name_this_thread("pull-receive", 0);
  auto shown_at = SteadyClock::now();
  while (!stop.stop_requested()) {
    take_added();
    take_unsound();
    start_some();
    take_finished();
    if (SteadyClock::now() - shown_at > milliseconds(100)) {
      show();
      shown_at = SteadyClock::now();
    }
    transfers.wait(pause());
  }
  for (auto& [key, transfer] : running) {
    transfers.remove(transfer->transfer());
    if (transfer->file()) transfer->file()->cancel();
  }
  for (auto& transfer : waiting)
    if (transfer->file()) transfer->file()->cancel();
  for (auto& [index, transfer] : checking)
    if (transfer->file()) transfer->file()->cancel();
}

void Downloader::Impl::show() {
  const std::lock_guard lock(mutex);
  shown.received = received;
  shown.running = static_cast<unsigned>(running.size());
  shown.limit = limit;
  shown.waiting = waiting.size() + added.size();
  shown.files.clear();
  for (const auto& [key, transfer] : running) {
    shown.received += transfer->received_in_attempt();
    shown.files.push_back(
        {transfer->download().index, transfer->offset(), transfer->download().validator.total});
  }
}

// How long nothing can happen but on the sockets.
milliseconds Downloader::Impl::pause() const {
  milliseconds wait = kTick;
  const auto now = SteadyClock::now();
  if (may_start())
    for (const auto& transfer : waiting) {
      const auto due = std::max(transfer->due, paused_until);
      wait = std::min(wait, std::chrono::ceil<milliseconds>(std::max(due - now, now - now)));
    }
  return wait;
}

void Downloader::Impl::take_added() {
  const std::lock_guard lock(mutex);
  for (auto& download : added)
    waiting.push_back(std::make_unique<FileTransfer>(
        std::move(download), events,
        [this](FileTransfer& transfer) { return make_file(transfer); }));
  added.clear();
}

Result<std::shared_ptr<ReceivedFile>> Downloader::Impl::make_file(FileTransfer& transfer) {
  const std::size_t index = transfer.download().index;
  ReceivedFile::Events told;
  told.on_checkpoint = [this, index](std::uint64_t bytes) { events.on_checkpoint(index, bytes); };
  told.on_end = [this, index,
                 url = shown_url(transfer.download().url)](Result<FileSummary> summary) {
    if (!summary && summary.error().kind == ErrorKind::kTooLarge)
      summary = Error{ErrorKind::kTooLarge, fmt::format("{}: {}", url, summary.error().message)};
    Error damage = summary ? Error{} : summary.error();
    const bool is_content = damage.kind == ErrorKind::kCorrupt;
    if (!is_content) events.on_end(index, std::move(summary));
    const std::lock_guard lock(mutex);
    unsound.emplace_back(index, std::move(damage));
    transfers.wake();
  };
  return ReceivedFile::open(transfer.download().plan, transfer.download().resume_at, pool,
                            std::move(told));
}

// Files whose check is over: forgotten when they are fine, received once more when they are not.
void Downloader::Impl::take_unsound() {
  std::deque<std::pair<std::size_t, Error>> ended;
  {
    const std::lock_guard lock(mutex);
    ended.swap(unsound);
  }
  for (auto& [index, error] : ended) {
    // What is wrong already is received no further.
    auto transfer = stop_transfer(index);
    if (!transfer || error.kind != ErrorKind::kCorrupt) continue;
    if (++transfer->restarts > 1) {
      error.message = fmt::format("{}: {}", shown_url(transfer->download().url), error.message);
      events.on_end(index, error);
      continue;
    }
    events.notice(fmt::format("{}: {}; receiving it again", shown_url(transfer->download().url),
                              error.message));
    transfer->restart();
    // What answered may be a gateway in front of a server that restarts.
    queue_later(std::move(transfer), kAgainAfterDamage);
  }
}

// Takes a file's transfer away from wherever it is.
std::unique_ptr<FileTransfer> Downloader::Impl::stop_transfer(std::size_t index) {
  std::unique_ptr<FileTransfer> transfer;
  if (const auto found = checking.find(index); found != checking.end()) {
    transfer = std::move(found->second);
    checking.erase(found);
    return transfer;
  }
  for (auto each = running.begin(); each != running.end(); ++each) {
    if (each->second->download().index != index) continue;
    transfer = std::move(each->second);
    running.erase(each);
    transfers.remove(transfer->transfer());
    log(*transfer, "the answer was not taken");
    received += transfer->received_in_attempt();
    return transfer;
  }
  const auto queued = std::find_if(waiting.begin(), waiting.end(), [&](const auto& each) {
    return each->download().index == index;
  });
  if (queued == waiting.end()) return nullptr;
  transfer = std::move(*queued);
  waiting.erase(queued);
  return transfer;
}

void Downloader::Impl::start_some() {
  const auto now = SteadyClock::now();
  if (now < paused_until) return;
  for (std::size_t i = 0; i < waiting.size() && may_start();) {
    if (waiting[i]->due > now) {
      ++i;
      continue;
    }
    auto transfer = std::move(waiting[i]);
    waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
    start(std::move(transfer));
  }
}

void Downloader::Impl::to_check(std::unique_ptr<FileTransfer> transfer) {
  const auto file = transfer->file();
  checking[transfer->download().index] = std::move(transfer);
  file->end();
}

void Downloader::Impl::start(std::unique_ptr<FileTransfer> transfer) {
  const std::size_t index = transfer->download().index;
  if (auto opened = transfer->open_file(); !opened) return events.on_end(index, opened.error());
  if (transfer->is_whole()) return to_check(std::move(transfer));
  if (is_gone(origin_of(transfer->download().url))) return end_gone(std::move(transfer));
  std::string token;
  transfer->may_have_token = tokens.goes_to(transfer->download().url);
  if (transfer->download().with_token) {
    auto given = tokens.token_for(transfer->download().url);
    if (!given) {
      // Refused for good, or not to be had now: the second passes.
      const bool may_pass = given.error().kind == ErrorKind::kUnavailable ||
                            given.error().kind == ErrorKind::kTimeout;
      if (may_pass && transfer->put_off(given.error(), options) == NextStep::kAgainLater) {
        const milliseconds pause = transfer->pause();
        return queue_later(std::move(transfer), pause);
      }
      return events.on_end(index, given.error());
    }
    token = std::move(*given);
  }
  if (auto begun = transfer->begin(connection, options, token); !begun)
    return events.on_end(index, begun.error());
  transport::Transfer& key = transfer->transfer();
  running[&key] = std::move(transfer);
  transfers.add(key);
}

void Downloader::Impl::take_finished() {
  for (const transport::Transfer* over : transfers.advance()) {
    auto found = running.extract(over);
    if (!found.empty()) handle_end(std::move(found.mapped()));
  }
}

void Downloader::Impl::log(const FileTransfer& transfer, std::string problem) const {
  if (!events.on_request) return;
  events.on_request(
      {"GET", shown_url(transfer.download().url), transfer.status(),
       std::chrono::duration_cast<milliseconds>(SteadyClock::now() - transfer.started),
       transfer.received_in_attempt(), std::move(problem)});
}

Error Downloader::Impl::failure_of(const FileTransfer& transfer) const {
  Error failure = transfer.failure();
  if (transfer.status() != 401 || transfer.may_have_token) return failure;
  failure.message += tokens.why_none(transfer.download().url);
  // The manifest says that a token is needed: no fresh URL makes up for one.
  if (transfer.download().with_token) failure.kind = ErrorKind::kUnauthenticated;
  return failure;
}

bool Downloader::Impl::is_gone(const std::string& origin) const {
  const std::lock_guard lock(mutex);
  return gone.contains(origin);
}

void Downloader::Impl::end_gone(std::unique_ptr<FileTransfer> transfer) {
  if (transfer->file()) transfer->file()->cancel();
  events.on_end(transfer->download().index,
                Error{ErrorKind::kUnavailable,
                      shown_url(transfer->download().url) + ": the server does not answer"});
}

void Downloader::Impl::end_unheard(const std::string& origin) {
  for (std::size_t left = waiting.size(); left > 0; --left) {
    auto transfer = std::move(waiting.front());
    waiting.pop_front();
    if (origin_of(transfer->download().url) != origin)
      waiting.push_back(std::move(transfer));
    else if (transfer->is_whole())
      to_check(std::move(transfer));
    else
      end_gone(std::move(transfer));
  }
}

// After an attempt. True: its server is gone, and no attempt follows.
bool Downloader::Impl::note_silence(FileTransfer& transfer, NextStep next) {
  const std::string origin = origin_of(transfer.download().url);
  const auto ending = transfer.transfer().outcome().ending;
  const bool is_unheard = transfer.status() == 0 && (ending == transport::Ending::kFailed ||
                                                     ending == transport::Ending::kTimedOut);
  if (!is_unheard) {
    heard[origin] = SteadyClock::now();
    transfer.unheard_since.reset();
    const std::lock_guard lock(mutex);
    gone.erase(origin);
    return false;
  }
  if (!transfer.unheard_since) transfer.unheard_since = transfer.started;
  if (next == NextStep::kAgainLater) return is_gone(origin);
  if (next != NextStep::kGiveUp || transfer.failure().kind != ErrorKind::kUnavailable ||
      heard[origin] > *transfer.unheard_since)
    return false;
  // A few files that end a server's connections are not the server.
  std::size_t unheard_files = 1;
  for (const auto& [key, other] : running) {
    if (origin_of(other->download().url) != origin) continue;
    if (other->received_in_attempt() > 0) return false;
    if (other->unheard_since) ++unheard_files;
  }
  for (const auto& other : waiting)
    if (other->unheard_since && origin_of(other->download().url) == origin) ++unheard_files;
  if (unheard_files < kUnheardFiles) return false;
  {
    const std::lock_guard lock(mutex);
    gone.insert(origin);
  }
  end_unheard(origin);
  return false;
}

void Downloader::Impl::handle_end(std::unique_ptr<FileTransfer> transfer) {
  const NextStep next = transfer->finish(options, clock.now());
  const bool is_last = note_silence(*transfer, next);
  log(*transfer, why_failed(transfer->transfer().outcome()));
  received += transfer->received_in_attempt();
  const std::size_t index = transfer->download().index;
  const milliseconds pause = transfer->pause();
  if (is_last) return end_gone(std::move(transfer));
  switch (next) {
    case NextStep::kCheck:
      limit = std::min(limit + 1, options.parallel_max);
      return to_check(std::move(transfer));
    case NextStep::kAgain:
      if (transfer->status() == 401) tokens.reject(transfer->token());
      [[fallthrough]];
    case NextStep::kRedirect:
      return queue_later(std::move(transfer), milliseconds(0));
    case NextStep::kAgainLater:
      return queue_later(std::move(transfer), pause);
    case NextStep::kSlowDown:
      limit = std::max(1u, limit / 2);
      paused_until = std::max(paused_until, SteadyClock::now() + pause);
      events.notice(fmt::format("the server asks for patience ({}): {} at a time, in {:.1f} s",
                                transfer->status(), limit,
                                static_cast<double>(pause.count()) / 1000));
      return queue_later(std::move(transfer), pause);
    case NextStep::kGiveUp:
      if (transfer->file()) transfer->file()->cancel();
      return events.on_end(index, failure_of(*transfer));
  }
}

}  // namespace sluice::client
