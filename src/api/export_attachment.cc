#include "api/export_attachment.h"

#include <fmt/format.h>

#include "api/binary_resource.h"
#include "api/export_status.h"
#include "api/fhir_response.h"
#include "base/utf8.h"
#include "bulk/access_limits.h"
#include "fhir/binary_content.h"

namespace sluice::api {
namespace {

// The query parameter of a URL that needs a token too.
constexpr std::string_view kProofParameter = "proof";
// The URL stands in files that are written once, so it must not expire before they do. With the
// job the URL ends too, however long it is signed for.
constexpr std::chrono::hours kSignedFor{29 * 24};

// Such a proof is no capability: a token is needed besides.
std::string proof_name(std::string_view binary_id) {
  return "token " + attachment_name(binary_id);
}

Result<void> check_proof(const Service& service, const http::Request& request) {
  for (const auto& [name, value] : request.query)
    if (name == kProofParameter)
      return service.authorization->capabilities().check(
          {request.parameter("id"), proof_name(request.parameter("name"))}, value);
  return Error{ErrorKind::kNotFound, {}};
}

Result<std::string> read_line(const Service& service, const http::Request& request,
                              const job::Job& job, const bulk::ExportRequest& asked) {
  const std::string id(request.parameter("name"));
  const Error missing =
      not_found(fmt::format("the export refers to no Binary/{}", shortened(id, 64)));
  if (!fhir::is_valid_id(id)) return missing;
  const fhir::ResourceId key{fhir::types::kBinary, id};
  SLUICE_TRY(auto record, service.store.read(key, job.snapshot.sequence));
  if (!record) {
    // Versions are kept for running jobs only: then the newest is what there is.
    SLUICE_TRY(record, service.store.read(key, service.store.last_commit().sequence));
  }
  if (!record) return missing;
  SLUICE_TRY(const auto access,
             bulk::AccessFilters::compile(
                 asked.limits, {.base_url = asked.base_url, .now = job.snapshot.instant}));
  search::Matcher matcher;
  SLUICE_TRY(const bool seen, access.pass(matcher, key.type, record->json));
  if (!seen) return missing;
  return std::move(record->json);
}

}  // namespace

bulk::BinaryUrl attachment_urls(const std::unique_ptr<Authorization>& authorization) {
  return [&authorization](const job::Job& job, const bulk::ExportRequest& request,
                          std::string_view id) -> Result<std::string> {
    std::string url = attachment_url(request.base_url, job.id, id);
    if (request.attachment_access == bulk::AttachmentAccess::kOpen) return url;
    if (authorization == nullptr)
      return Error{ErrorKind::kInternal, "an address could not be signed",
                   "the job is a client's, but the server runs open"};
    const bool by_token = request.attachment_access == bulk::AttachmentAccess::kToken;
    // A capability ends with the tokens of its client; a proof is shown with a token.
    const auto client = by_token ? nullptr : authorization->clients().find(job.client);
    const std::string name = by_token ? proof_name(id) : attachment_name(id);
    SLUICE_TRY(const auto signature,
               authorization->capabilities().sign(
                   {job.id, name, client == nullptr ? std::string_view() : client->generation},
                   job.snapshot.instant + kSignedFor));
    return fmt::format("{}?{}={}", url, by_token ? kProofParameter : kCapabilityParameter,
                       signature);
  };
}

http::Response export_attachment(Service& service, const http::Request& request,
                                 const Principal& principal) {
  const auto found = find_job(service, request, principal,
                              {.kind = smart::AuditKind::kDownload,
                               .file = attachment_name(shortened(request.parameter("name"), 64))});
  if (!found) return request_error(request, found.error());
  if (found->unreadable) return lost_job(request, *found);
  if (found->import || found->cohort)
    return request_error(request, not_found("only exports have attachments"));
  // A capability has been checked; with a token, only what the job's resources name is there.
  if (principal.claims != nullptr && !check_proof(service, request))
    return request_error(request, not_found("the address of the attachment is not a valid one"));
  const auto line = read_line(service, request, found->view.job, found->asked);
  if (!line) return request_error(request, line.error());
  // The token may be narrower than the one that the job was kicked off with.
  if (principal.claims != nullptr) {
    const auto allowed = authorize_content(principal, fhir::types::kBinary, *line,
                                           {smart::Permissions::kRead}, found->asked.base_url);
    if (!allowed) return request_error(request, allowed.error());
  }
  if (request.headers.combined("Accept").find("json") != std::string::npos)
    return fhir_response(200, *line);
  auto content = fhir::read_binary(*line);
  if (!content) return request_error(request, content.error());
  http::Response response;
  set_content_headers(response, *content);
  response.body = std::move(content->bytes);
  return response;
}

}  // namespace sluice::api
