// The status endpoint of a job, of whatever kind: polling and delete (S).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "api/core/principal.h"
#include "api/core/service.h"
#include "api/jobs/job_handler.h"
#include "bulk/export/manifest/manifest.h"
#include "http/message.h"
#include "job/engine.h"
#include "smart/audit_event.h"

namespace sluice::api {

/// GET [base]/jobs/[id]: 202 with progress, 200 with the kind's result, 500 with the reason, 429
/// for who polls too often (S-01 to S-04).
http::Response job_status(Service& service, const http::Request& request,
                          const Principal& principal);
/// GET [base]/jobs/[id]/result: of a job whose status leads there (E-21), 200 with the kind's
/// result or 500 with the reason; 404 before it has ended, and for every other job.
http::Response job_result(Service& service, const http::Request& request,
                          const Principal& principal);
/// DELETE [base]/jobs/[id].
http::Response job_delete(Service& service, const http::Request& request,
                          const Principal& principal);

struct FoundJob {
  job::JobView view;
  const JobHandler* handler = nullptr;  ///< nullptr only for a job that is `unreadable`
  JobTraits traits = {};
  /// why nothing else is known of it. The job has failed, and can be deleted.
  std::optional<Error> unreadable = std::nullopt;
};

/// The job of the request's {id} if it belongs to the principal; kNotFound otherwise, so that
/// nobody learns of others' jobs, kForbidden when the token covers less than the job. Either way
/// the attempt is audited as `event`.
Result<FoundJob> find_job(const Service& service, const http::Request& request,
                          const Principal& principal, smart::AuditEvent event);

/// The answer to all that is asked of a job that is `unreadable`, but DELETE.
http::Response lost_job(const http::Request& request, const FoundJob& found);
/// 202, 200 with what is in `result`, 500: as the status of the job, or as a part of it.
http::Response running_job(const FoundJob& found, std::chrono::seconds wait);
http::Response done_job(const FoundJob& found, http::Response result);
http::Response failed_job(const FoundJob& found);

/// S-01: how long a client that polls should wait.
std::chrono::seconds retry_after(const Service& service, const job::JobView& view);
/// What X-Progress says: `done`, and what the job waits for.
std::string progress_text(const job::JobView& view, std::string done);

/// Makes the suffix of the URLs of a job's files (F-07), which ends with the job; empty when they
/// need a token or nothing. With `signed_until` it ends then, and the suffixes are the same
/// whenever they are made, also before the job ends.
bulk::ManifestStream::UrlSuffix file_url_suffix(const Service& service, const Principal& principal,
                                                const job::Job& job,
                                                std::optional<Instant> signed_until = std::nullopt);
/// Whether the client of the principal fetches files with its token.
bool fetches_by_token(const Principal& principal);

}  // namespace sluice::api
