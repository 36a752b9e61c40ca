#include "api/jobs/cohort_handler.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "api/core/access.h"
#include "api/core/fhir_response.h"
#include "base/instant.h"
#include "bulk/group/cohort_job.h"
#include "bulk/group/cohort_request.h"
#include "fhir/operation_outcome.h"
#include "rest/interactions.h"

namespace sluice::api {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "200 OK";
    case 201:
      return "201 Created";
    case 403:
      return "403 Forbidden";
    case 404:
      return "404 Not Found";
    case 412:
      return "412 Precondition Failed";
    default:
      return "422 Unprocessable Entity";
  }
}

// The response as an entry of a Bundle, which is how FHIR's asynchronous pattern ends.
std::string bundle_of(const Service& service, const bulk::CohortRequest& asked,
                      const bulk::CohortOutcome& outcome) {
  std::string entry;
  if (!outcome.error.empty()) {
    entry = fmt::format(R"("response":{{"status":"{}","outcome":{}}})", reason_of(outcome.status),
                        fhir::operation_outcome("error", "processing", outcome.error));
  } else {
    const std::string name = "Group/" + asked.group_id;
    // Gone when it was replaced long ago: the response stays true without it.
    const auto stored =
        rest::read_version(service.store, {fhir::types::kGroup, asked.group_id}, outcome.version);
    if (asked.wants_resource && stored)
      entry =
          fmt::format(R"("fullUrl":"{}/{}","resource":{},)", asked.base_url, name, stored->json);
    entry += fmt::format(
        R"("response":{{"status":"{}","location":"{}/{}/_history/{}","etag":"W/\"{}\"",)"
        R"("lastModified":"{}"}})",
        reason_of(outcome.status), asked.base_url, name, outcome.version, outcome.version,
        to_fhir_instant(outcome.last_updated));
  }
  return fmt::format(R"({{"resourceType":"Bundle","type":"batch-response","entry":[{{{}}}]}})",
                     entry);
}

// It is kicked off by the interactions that write a Group: cohort_requests.h.
class CohortHandler final : public JobHandler {
 public:
  std::string_view name() const override { return bulk::CohortJobs::kName; }
  JobWords words() const override {
    return {.failed = "The Group was not written",
            .progress = "evaluated",
            .deleted = "The making of the Group is cancelled or forgotten; what was written stays"};
  }

  Result<JobTraits> traits(const job::Job& job) const override {
    SLUICE_RETURN_IF_ERROR(bulk::cohort_request_of(job));
    return JobTraits();
  }

  Result<void> authorize(const Principal& principal, const job::Job& job) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto asked, bulk::cohort_request_of(job));
    const smart::Permissions letter{asked->operation == bulk::CohortRequest::Operation::kCreate
                                        ? smart::Permissions::kCreate
                                        : smart::Permissions::kUpdate};
    SLUICE_RETURN_IF_ERROR(authorize_resource(principal, fhir::types::kGroup, letter));
    // The answer shows the Group.
    if (principal.claims == nullptr ||
        search::limit_is_within(asked->group_limit,
                                principal.claims->scopes.limit(fhir::types::kGroup, letter)))
      return {};
    return Error{ErrorKind::kForbidden,
                 "the access token's scopes do not cover the Group of this request"};
  }

  Result<http::Response> result(const Service& service, const http::Request&, const Principal&,
                                const job::JobView& view) const override {
    SLUICE_ASSIGN_OR_RETURN(const auto asked, bulk::cohort_request_of(view.job));
    SLUICE_ASSIGN_OR_RETURN(const auto outcome, bulk::cohort_outcome(service.store, view.job.id));
    return fhir_response(200, bundle_of(service, *asked, outcome));
  }
};

}  // namespace

const JobHandler& cohort_handler() {
  static const CohortHandler handler;
  return handler;
}

}  // namespace sluice::api
