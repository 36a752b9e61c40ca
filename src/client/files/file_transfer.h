// The download of one file: the next request, and what an answer means for the received bytes.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/files/downloader.h"
#include "client/http/exchange.h"
#include "client/http/retry_after.h"
#include "transport/transfer.h"

namespace sluice::client {

/// The headers of a request that continues at `offset`.
std::vector<std::string> resume_headers(const FileValidator& validator, std::uint64_t offset);

/// What to do with the bytes after an answer's head.
enum class BodyUse : std::uint8_t {
  kAppend,   ///< they continue where ours end
  kReplace,  ///< the file from its beginning
  kRestart,  ///< useless: request again, from the beginning
  kError,    ///< they describe an error
};
BodyUse judge_head(int status, const AnswerHeaders& headers, std::uint64_t offset,
                   const FileValidator& validator);

/// What to do after an attempt.
enum class NextStep : std::uint8_t { kCheck, kAgain, kAgainLater, kSlowDown, kRedirect, kGiveUp };

/// Belongs to the downloader's thread.
class FileTransfer {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using MakeFile = std::function<Result<std::shared_ptr<ReceivedFile>>(FileTransfer&)>;

  FileTransfer(Download download, const DownloadEvents& events, MakeFile make_file)
      : download_(std::move(download)), events_(events), make_file_(std::move(make_file)) {}

  /// Makes transfer() ready for the next attempt. kForbidden for a token that would go in plain
  /// text.
  Result<void> begin(const Connection& connection, const DownloadOptions& options,
                     const std::string& token);
  /// The attempt is over: what follows from it. `failure` is set with kGiveUp.
  NextStep finish(const DownloadOptions& options, Instant now);
  /// No request was sent, because no token was available: when to try again.
  NextStep put_off(const Error& why, const DownloadOptions& options);
  /// Whether all bytes have been received, so that no request is needed.
  bool is_whole() const;

  transport::Transfer& transfer() { return transfer_; }
  const Download& download() const { return download_; }
  Download& download() { return download_; }
  const std::shared_ptr<ReceivedFile>& file() const { return file_; }
  Result<void> open_file();
  /// Discards the received bytes: the file starts over.
  void restart();
  std::uint64_t offset() const { return file_ ? file_->received() : 0; }
  std::uint64_t received_in_attempt() const { return received_; }
  bool uses_token() const { return !token_.empty(); }
  const std::string& token() const { return token_; }
  int status() const { return status_; }
  const std::string& url() const { return url_; }
  const Error& failure() const { return failure_; }
  std::chrono::milliseconds pause() const { return pause_; }
  unsigned restarts = 0;
  bool may_have_token = false;  ///< there is one, and this origin may see it
  Time due = {};
  Time started = {};
  std::optional<Time> unheard_since = std::nullopt;  ///< attempts brought no answer since then

 private:
  Result<void> take_head(int status, const AnswerHeaders& headers);
  Result<void> take(std::string_view bytes);
  NextStep follow(const std::string& target);
  Result<void> check_size(std::uint64_t size) const;
  NextStep give_up(ErrorKind kind, std::string why);
  NextStep again(const DownloadOptions& options, const std::string& why);

  Download download_;
  const DownloadEvents& events_;
  MakeFile make_file_;
  std::shared_ptr<ReceivedFile> file_;
  transport::Transfer transfer_;
  std::string url_;  // where this attempt goes: after a redirect not the download's
  std::string token_;
  int status_ = 0;
  int redirects_ = 0;
  BodyUse use_ = BodyUse::kError;
  std::uint64_t range_end_ = 0;     // of what this attempt appends, in the file
  bool asks_what_follows_ = false;  // a range came whole, and nothing said that the file ends there
  std::string error_body_;
  std::uint64_t received_ = 0;
  std::uint64_t furthest_ = 0;  // most bytes of the file received so far
  unsigned useless_ranges_ = 0;
  unsigned refused_tokens_ = 0;
  unsigned busy_ = 0;  // 429 and 503 since the last progress
  Backoff backoff_{{std::chrono::milliseconds(1000), std::chrono::milliseconds(30'000)}};
  std::chrono::milliseconds pause_{0};
  Error failure_ = {};
};

}  // namespace sluice::client
