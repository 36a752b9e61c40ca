// Many files at once: as many as the server bears, each going on where it was cut, over as few
// connections as it takes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "client/files/received_file.h"
#include "client/http/exchange.h"
#include "client/protocol/token_source.h"

namespace sluice::client {

/// What identifies the version of a file that a download began with.
struct FileValidator {
  std::string etag;                                   ///< as sent; may be weak
  std::string last_modified;                          ///< as sent
  std::optional<std::uint64_t> total = std::nullopt;  ///< bytes on the wire
  std::string content_type = {};                      ///< as sent; identifies nothing
};

struct Download {
  std::size_t index = 0;  ///< the caller's
  std::string url;
  bool with_token = false;
  FilePlan plan;
  std::uint64_t resume_at = 0;  ///< bytes of the part that count
  FileValidator validator;      ///< of these bytes
  std::string accept = {};      ///< instead of the options'
  std::uint64_t size_max = 0;   ///< bytes on the wire, more is kTooLarge; 0: no limit
};

struct DownloadOptions {
  unsigned parallel_max = 8;
  unsigned retries = 10;        ///< of one file without a byte of progress
  unsigned busy_retries = 240;  ///< the same, after 429 and 503
  std::string accept = "application/fhir+ndjson";
  bool wants_gzip = true;
  std::chrono::milliseconds wait_max{900'000};  ///< of one Retry-After
  unsigned check_threads = 2;                   ///< that inflate and check
};

/// Called from threads of the downloader: quick, thread-safe.
struct DownloadEvents {
  /// Bytes begin to come, from `offset` on.
  std::function<void(std::size_t index, const FileValidator&, std::uint64_t offset)> on_begin;
  std::function<void(std::size_t index, std::uint64_t bytes)> on_checkpoint;
  /// Called once for each file. kGone: the URL is expired or unknown; a fresh manifest may help.
  /// kCorrupt: twice not what the manifest states. kStorage: the disk.
  std::function<void(std::size_t index, Result<FileSummary>)> on_end;
  RequestLog on_request;
  std::function<void(const std::string&)> notice;
};

struct DownloadProgress {
  std::uint64_t received = 0;  ///< bytes in this run
  unsigned running = 0;
  unsigned limit = 0;  ///< that the server bears
  std::uint64_t waiting = 0;
  struct File {
    std::size_t index = 0;
    std::uint64_t received = 0;
    std::optional<std::uint64_t> total = std::nullopt;
  };
  std::vector<File> files;  ///< that run
};

class Downloader {
 public:
  Downloader(Connection connection, DownloadOptions options, TokenSource& tokens,
             const Clock& clock, DownloadEvents events);
  /// Stops: parts stay.
  ~Downloader();

  /// Queues a file; thread-safe.
  void add(Download download);
  DownloadProgress progress() const;
  /// Whether the origin of a URL does not answer any more: one file's retries passed without a word
  /// to any. Its files end with kUnavailable and without a request; thread-safe.
  bool is_gone(const std::string& url) const;
  /// Ends all transfers and threads; no event comes after. Idempotent.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::client
