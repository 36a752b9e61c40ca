// The output of `sluice pull` and `sluice sync`: live progress on a terminal, occasional lines in a
// pipe, JSON lines on request; and a line for every request in the folder's log.
#pragma once

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "base/file.h"
#include "client/pull/pull.h"

namespace sluice::cli {

/// What makes the result partial: for people, one line each.
std::vector<std::string> oddities_of(const client::PullReport& report);

/// An export's transactionTime, or a text that there is none.
std::string shown_time(const std::string& transaction_time);

/// Thread-safe.
class PullDisplay {
 public:
  explicit PullDisplay(bool as_json);
  ~PullDisplay() { clear(); }

  /// Requests are logged to `folder`/.sluice/requests.log from now on.
  void log_to(const std::filesystem::path& folder);
  client::PullEvents events();

  void notice(const std::string& text);
  void request(const client::RequestRecord& record);
  void progress(const client::PullProgress& progress);
  /// Prints the table of received files. `store`: where they went from the folder, or empty.
  void summary(const client::PullReport& report, const std::string& folder,
               const std::string& store);
  /// Removes the live progress.
  void clear();

 private:
  void draw(const client::PullProgress& progress);
  void show_json(const client::PullProgress& progress);
  void clear_locked();

  const bool as_json_;
  const bool is_terminal_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::chrono::steady_clock::time_point last_;
  unsigned drawn_lines_ = 0;
  std::string last_phase_;
  double rate_ = 0;
  std::uint64_t rate_bytes_ = 0;
  std::chrono::steady_clock::time_point rate_time_ = start_;
  FileDescriptor request_log_;
};

}  // namespace sluice::cli
