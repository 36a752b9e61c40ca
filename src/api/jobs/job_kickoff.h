// What the kick-offs of exports, imports and cohorts have in common: the headers, the client's
// limits, the audit lines and the answer.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "api/core/principal.h"
#include "api/core/request_headers.h"
#include "api/core/service.h"
#include "http/message.h"
#include "job/engine.h"
#include "smart/audit_event.h"

namespace sluice::api {

/// Counts one kick-off against the rates of the client and of its address, before the request is
/// parsed. kTooManyRequests above a rate.
Result<void> take_kick_off(const Service& service, const http::Request& request,
                           const Principal& principal);

/// The same, and reads the preferences of a Bulk Data kick-off. kNotAcceptable for Accept other
/// than JSON, kInvalid without respond-async if the server requires it (K-03).
Result<Preferences> begin_kick_off(const Service& service, const http::Request& request,
                                   const Principal& principal);

struct JobStart {
  std::string_view kind;
  /// Asked once the client may kick off at all; what it refuses is audited. Empty: nothing to ask.
  std::function<Result<void>()> authorize;
  /// What is stored with the job, which is to read this snapshot.
  std::function<Result<std::string>(const store::Commit&)> request;
  smart::AuditEvent event;  ///< of success, without the job
};

/// Submits a job of a kick-off that was taken. kForbidden as `authorize`, kTooManyRequests when too
/// many run. What cannot be audited is not started.
Result<job::Job> start_job(Service& service, const http::Request& request,
                           const Principal& principal, const JobStart& start);

/// 202 with Content-Location. `what` begins a sentence: "The export was accepted".
http::Response accepted(std::string_view what, std::string_view base_url, const job::Job& job,
                        bool separate_export_status);

}  // namespace sluice::api
