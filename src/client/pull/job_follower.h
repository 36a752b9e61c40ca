// Follows one job until all its files are received: polls, takes files from manifests as they
// appear, downloads them at the same time, fetches manifests again when URLs expire.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "client/files/downloader.h"
#include "client/http/retry_after.h"
#include "client/protocol/kick_off.h"
#include "client/pull/pull.h"
#include "client/pull/pull_state.h"
#include "client/pull/unmatched_items.h"

namespace sluice::client {

class JobFollower {
 public:
  enum class End : std::uint8_t {
    kAll,   ///< every file is received, except `failures`
    kLost,  ///< the server does not know the job: only a new one helps
  };

  JobFollower(PullState& state, const PullSettings& settings, const PullEvents& events,
              const Session& session, TokenSource& tokens);
  ~JobFollower();

  /// Until the end, an error that ends the run, or the time limit. kUnavailable when files are
  /// missing that the next run may get.
  Result<End> run();
  std::vector<std::string> failures() const;

 private:
  using Time = std::chrono::steady_clock::time_point;

  // One reading of status and manifest.
  struct Reading {
    Polled polled;
    bool is_whole = false;  // the complete manifest, all pages
    std::uint64_t pages = 1;
  };
  Result<Reading> read();
  Result<bool> judge(const Reading& reading);
  Result<void> look();
  Result<void> take_item(ManifestItem item);
  void take_nameless(const ManifestItem& item);
  void remark(std::string text);
  void note_links(const ManifestHead& head);
  Result<void> refresh();
  std::string fault_of_time(const std::string& time, const std::optional<Instant>& date) const;
  Result<void> note_manifest(ManifestHead head, const std::optional<Instant>& date, bool is_whole);
  Result<void> take_new(const ManifestItem& item);
  Result<void> take_known(std::size_t index, const ManifestItem& item);
  Result<void> take_renamed(std::size_t index, const ManifestItem& item, bool is_whole);
  Result<void> settle(bool is_whole);
  Result<void> reopen();
  Result<void> drop(std::size_t index);
  void remove_dropped(const FileState& file) const;
  Result<void> feed();
  Result<void> start_download(std::size_t index, bool is_first);
  bool is_seen(std::size_t index) const;
  void note_seen(std::size_t index);
  Result<void> take_ended();
  Result<void> take_failure(std::size_t index, const Error& error);
  void schedule(const Polled& polled);
  void show();
  bool is_over() const;

  PullState& state_;
  const PullSettings& settings_;
  const PullEvents& events_;
  const Session& session_;

  // Events of the downloader's threads.
  std::mutex mutex_;
  std::condition_variable_any ended_ready_;
  std::deque<std::pair<std::size_t, Result<FileSummary>>> ended_;  // guarded by mutex_
  std::optional<Error> journal_failure_;                           // guarded by mutex_

  // One reading of the manifest.
  std::size_t known_before_ = 0;  // files
  std::vector<bool> seen_;
  std::optional<UnmatchedItems> unmatched_;
  ManifestRemarks remarks_;

  // Files are given to the downloader few at a time: there may be millions.
  bool is_fed_ = false;
  std::size_t next_start_ = 0;                      // those before were given to it once
  std::map<std::size_t, std::string> outstanding_;  // being downloaded, and their names
  std::map<std::size_t, unsigned> refreshed_;       // how often a file's URL was renewed
  std::set<std::size_t> expired_;                   // wait for a fresh manifest
  std::map<std::size_t, std::string> failures_;
  unsigned reopened_ = 0;
  std::set<std::size_t> renamed_;  // by a partial manifest, after they were begun
  std::size_t dropped_ = 0;
  std::optional<Error> unfinished_;   // why the first file is missing that may still come
  std::size_t unfinished_files_ = 0;  // how many are
  std::size_t done_ = 0;
  std::uint64_t lines_ = 0;
  bool is_lost_ = false;
  Time next_poll_ = {};
  unsigned poll_failures_ = 0;
  unsigned doubts_ = 0;
  bool was_seen_ = false;  // the server has known the job
  Time began_ = {};
  std::size_t early_looks_ = 0;  // of kEarlyLooks: those that are over
  bool may_look_early_ = true;
  Backoff backoff_;  // without Retry-After
  Backoff floor_;    // minimum despite Retry-After
  Backoff failure_backoff_;
  std::string server_says_;
  // The last member: its threads use the others.
  std::unique_ptr<Downloader> downloader_;
};

}  // namespace sluice::client
