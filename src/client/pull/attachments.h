// Fetches what a round's resources name in Attachment.url and puts it into the lines or beside them
// (L-07). Reports what it cannot fetch and leaves it as it is: the resources are complete.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "client/files/attachment_lines.h"
#include "client/files/downloader.h"
#include "client/protocol/kick_off.h"
#include "client/pull/pull.h"
#include "client/pull/pull_state.h"

namespace sluice::client {

class Attachments {
 public:
  /// References: all must outlive it.
  Attachments(PullState& state, const PullSettings& settings, const PullEvents& events,
              Session session);
  ~Attachments();

  /// Fetches, rewrites the files of the last round, and records it; continues where the journal
  /// says that an earlier run stopped. Errors: kCancelled, kTimeout, kStorage.
  Result<void> run();

 private:
  // A fetch in progress.
  struct Pending {
    std::string key;
    AttachmentRef ref;
    std::string content_type;  // of the answer
  };

  Result<void> fetch_all();
  Result<void> look_through(std::string_view line);
  Result<void> look_at(const AttachmentRef& ref);
  Result<void> start(std::string key, const AttachmentRef& ref, const std::string& url);
  Result<void> take_ended();
  Result<void> wait_for_room(std::size_t outstanding_max);
  Result<void> finish(const Pending& pending);
  Result<void> write_all();
  Result<bool> write_file(const std::filesystem::path& path);
  Result<std::string> change_line(std::string_view line);
  Result<std::string> resolve(const std::string& url) const;
  void fail(const std::string& why);
  void show();
  std::filesystem::path work_folder() const;
  std::filesystem::path part_of(const std::string& key) const;

  PullState& state_;
  const PullSettings& settings_;
  const PullEvents& events_;
  const Session session_;
  AttachmentReader reader_;
  std::vector<AttachmentRef> refs_;
  AttachmentState counted_;
  std::set<std::string> seen_;
  std::size_t next_index_ = 0;

  std::mutex mutex_;
  std::condition_variable_any ended_ready_;
  std::map<std::size_t, Pending> pending_;                         // guarded by mutex_
  std::deque<std::pair<std::size_t, Result<FileSummary>>> ended_;  // guarded by mutex_
  // The last member: its threads use the others.
  std::unique_ptr<Downloader> downloader_;
};

}  // namespace sluice::client
