// A pull from its first request to its last: discovery, tokens, kick-off, polls, downloads, checks,
// cleanup; continues where the journal says that an earlier run stopped.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "client/files/downloader.h"
#include "client/http/exchange.h"
#include "client/protocol/discovery.h"
#include "client/protocol/kick_off.h"
#include "client/protocol/pull_request.h"
#include "client/protocol/token_source.h"
#include "client/pull/pull_state.h"

namespace sluice::client {

/// What is done about attachments that resources name by URL (L-07).
struct AttachmentOptions {
  enum class Mode : std::uint8_t {
    kNone,    ///< they are left as they are
    kInline,  ///< the resource holds their bytes
    kFiles,   ///< their bytes are files below `attachments`, the URL is that file's
  };
  Mode mode = Mode::kNone;
  std::uint64_t size_max = 0;      ///< of the bytes; larger ones stay where they are
  std::vector<std::string> types;  ///< "application/pdf", "image/*"; empty: all
};

/// How to talk to a server; what stays the same over all rounds.
struct PullSettings {
  std::string base;
  std::string client_id;
  std::optional<jose::PrivateJwk> key;
  std::string secret;
  std::string scope;                       ///< empty: by what the server lists
  std::string vendor;                      ///< empty: detected
  std::string token_endpoint;              ///< empty: discovered
  std::vector<std::string> token_origins;  ///< that get tokens, besides the FHIR base's
  Connection connection;
  KickOffOptions kick_off;
  DownloadOptions download;
  AttachmentOptions attachments;
  bool keeps_gzip = false;
  bool keeps_job = false;                   ///< no DELETE at the end
  std::chrono::milliseconds time_limit{0};  ///< of a run; 0: none
  unsigned poll_failures_max = 60;          ///< in a row
  boost::json::object remembered;           ///< for the journal, so that a sync needs no options
};

struct PullProgress {
  std::string phase;        ///< "waiting for the server", "downloading" ...
  std::string server_says;  ///< X-Progress
  std::size_t files_done = 0;
  std::size_t files_known = 0;
  std::uint64_t lines = 0;
  DownloadProgress download;
  std::vector<std::string> names;  ///< of download.files, in order
};

struct PullEvents {
  std::function<void(const std::string&)> notice;
  RequestLog request;
  std::function<void(const PullProgress&)> progress;  ///< a few times a second
};

/// What came, by type.
struct PullCounts {
  std::uint64_t files = 0;
  std::uint64_t lines = 0;
  std::uint64_t size = 0;
  std::uint64_t received = 0;
};

struct AttachmentCounts {
  std::uint64_t fetched = 0;
  std::uint64_t size = 0;
  std::uint64_t failed = 0;
  std::uint64_t skipped = 0;
  std::vector<std::string> texts;  ///< the first few failures
};

struct PullReport {
  std::map<std::string, PullCounts> types;  ///< of output, by type
  PullCounts deleted;
  PullCounts outcomes;
  std::uint64_t outcome_errors = 0;        ///< issues with severity error or fatal
  std::vector<std::string> outcome_texts;  ///< the first few, different ones
  std::vector<std::string> failures;       ///< files that could not be fetched
  std::uint64_t lost_outcomes = 0;         ///< files of outcomes that could not be fetched
  std::uint64_t missing = 0;               ///< files of the manifest without a URL
  std::uint64_t strays = 0;                ///< lines that do not belong into their files
  std::uint64_t stray_outcomes = 0;        ///< of these: OperationOutcomes, which are no data
  std::vector<std::string> stray_texts;    ///< the first few: file, line, what it is
  AttachmentCounts attachments;
  std::map<std::string, std::uint64_t> repeated;  ///< resources that came more than once, by type
  std::string transaction_time;
  /// Whether the server has resources, or may have, that it did not export or not as it should.
  bool is_incomplete() const {
    return outcome_errors > 0 || missing > 0 || strays > stray_outcomes || lost_outcomes > 0;
  }
  bool is_partial() const {
    return is_incomplete() || strays > 0 || !failures.empty() || attachments.failed > 0;
  }
};

/// One server, connected to.
class Puller {
 public:
  /// `clock` and `waiter` must outlive it.
  Puller(PullSettings settings, PullEvents events, const Clock& clock, const Waiter& waiter);
  ~Puller();

  /// Discovers the server and gets a first token, so that errors there appear before the export is
  /// requested. Idempotent.
  Result<void> connect();
  const Discovered& discovered() const;
  const Waiter& waiter() const;

  /// Starts or continues the last round of `state`, until all its files are received and the job is
  /// deleted. Errors: kUnauthenticated and kForbidden: authorization; kConflict: the server refused
  /// or failed; kCancelled, kTimeout, kUnavailable, kStorage: the next run
  /// continues.
  Result<PullReport> run_round(PullState& state);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Removes what the last round has received: its job is lost.
Result<void> remove_files(const PullState& state);

/// What a finished round holds, read from state and outcome files.
Result<PullReport> report_of(const PullState& state, const Round& round);

}  // namespace sluice::client
