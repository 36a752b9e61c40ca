// Starting an export, asking how it is doing, ending it: the three requests of a job's life.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/instant.h"
#include "base/result.h"
#include "client/http/exchange.h"
#include "client/http/waiter.h"
#include "client/protocol/manifest_reader.h"
#include "client/protocol/pull_request.h"
#include "client/protocol/token_source.h"
#include "client/protocol/vendor.h"

namespace sluice::client {

class ExportLog;

/// What talks to one server. References: all must outlive their use.
struct Session {
  Exchange& exchange;
  TokenSource& tokens;
  const Waiter& waiter;
  const Clock& clock;
  VendorProfile vendor;
  std::function<void(const std::string&)> notice;  ///< for people: what happens and why we wait
  ExportLog& log;
};

struct KickOffOptions {
  bool by_get = false;
  bool is_lenient = false;                      ///< Prefer: handling=lenient
  bool wants_separate_status = false;           ///< Prefer: separate-export-status
  unsigned retries = 8;                         ///< of requests without an answer
  unsigned busy_retries = 240;                  ///< after 429, 502, 503 and 504
  std::chrono::milliseconds wait_max{900'000};  ///< of one Retry-After
};

/// The Prefer header's value.
std::string prefer_header(const KickOffOptions& options);

/// Returns the status URL. Sends a POST, unless the request says otherwise, in the dialect of the
/// server's release; after 400 or 422 in the other dialect, then by GET; after 404, 405, 415 or 501
/// at once by GET. An unexpected answer (500, no status URL) is tried three times. After 429 and
/// 502 to 504 it waits, `busy_retries` times at most, then kUnavailable. kUnauthenticated for 401,
/// kForbidden for 403, kConflict for other refusals, with the server's message.
Result<std::string> kick_off(const Session& session, const PullRequest& request,
                             const KickOffOptions& options);

/// One look at a job.
struct Polled {
  enum class State : std::uint8_t { kRunning, kDone, kGone };
  State state = State::kRunning;
  std::optional<ManifestHead> manifest;  ///< whole when done, partial while it runs
  std::optional<std::chrono::milliseconds> retry_after;
  bool is_throttled = false;  ///< 429: we come too often
  std::string progress;       ///< X-Progress
  std::string expires;
  std::optional<Instant> date;  ///< the server's clock
  std::string trouble;          ///< why this look failed, when another may not
  bool is_doubtful = false;     ///< the trouble is the answer, if it is given again and again
};

/// GETs the status URL or a page of the manifest; files are given to `on_item` as they come, and
/// again by the next look: the caller knows which it has. Of a job that runs they are taken only
/// when `takes_partial`: a body that nobody asked for may be preliminary. An answer that may be
/// better next time (408, 425, 429, 502 to 504, an OperationOutcome that says transient, a cut
/// connection) is kRunning with `trouble`. kConflict when the server failed the job. Understands
/// X-Export-Status.
Result<Polled> poll(const Session& session, const std::string& url,
                    const ManifestReader::OnItem& on_item, std::chrono::milliseconds wait_max,
                    bool takes_partial);

/// DELETEs the job. True when the server took it or knows it no longer.
Result<bool> remove_job(const Session& session, const std::string& status_url);

}  // namespace sluice::client
