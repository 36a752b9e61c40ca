// The status endpoint of a job: polling and delete (S).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "api/core/job_requests.h"
#include "api/core/principal.h"
#include "api/core/service.h"
#include "bulk/export/manifest/manifest.h"
#include "http/message.h"

namespace sluice::api {

/// GET [base]/jobs/[id].
http::Response export_status(Service& service, const http::Request& request,
                             const Principal& principal);
/// GET [base]/jobs/[id]/manifest/[page]: a page that another page links to (P-10).
http::Response export_page(Service& service, const http::Request& request,
                           const Principal& principal);
/// DELETE [base]/jobs/[id].
http::Response export_delete(Service& service, const http::Request& request,
                             const Principal& principal);

struct FoundJob {
  job::JobView view;
  /// With `unreadable` the job has failed, and can be deleted.
  JobRequests::Pointer request;
};

/// S-01: how long a client that polls should wait.
std::chrono::seconds retry_after(const Service& service, const job::JobView& view);
/// The same, when this poll may be answered: kTooManyRequests otherwise (S-04).
Result<std::chrono::seconds> take_poll(const Service& service, const job::JobView& view);
/// The text of X-Progress: `done`, and what the job waits for.
std::string progress_text(const job::JobView& view, std::string done);
/// K-04: with `separate` the HTTP status is the polling's own, and the job's is a header.
void set_job_status(http::Response& response, bool separate, int status, std::string_view reason);
/// Makes the suffix of the URLs of a job's files (F-07); empty when they need a token or nothing.
/// With `same_always` the suffixes are the same whenever they are made, also before the job ends.
bulk::ManifestStream::UrlSuffix file_url_suffix(const Service& service, const Principal& principal,
                                                const job::Job& job, bool same_always = false);
/// Whether the client of the principal fetches files with its token.
bool fetches_by_token(const Principal& principal);

/// The job of the request's {id} if it belongs to the principal. kNotFound otherwise, so that
/// clients cannot detect others' jobs; kForbidden when the token covers less than the job. Audits
/// the attempt as `event` in each case.
Result<FoundJob> find_job(const Service& service, const http::Request& request,
                          const Principal& principal, smart::AuditEvent event);
/// The answer to everything but a deletion when the job found is `unreadable`.
http::Response lost_job(const http::Request& request, const FoundJob& found);

}  // namespace sluice::api
