#include "api/jobs/export_attachment.h"

#include <fmt/format.h>

#include <optional>

#include "api/core/access.h"
#include "api/core/authentication.h"
#include "api/core/fhir_response.h"
#include "api/jobs/export_handler.h"
#include "api/rest/attached_binary.h"
#include "api/rest/binary_resource.h"
#include "base/utf8.h"
#include "bulk/export/request/access_limits.h"
#include "bulk/export/request/stored_export.h"
#include "fhir/attachment_urls.h"
#include "fhir/binary_content.h"
#include "rest/interactions.h"

namespace sluice::api {
namespace {

// The URL stands in files that are written once, so it must not expire before they do. With the
// job the URL ends too, however long it is signed for.
constexpr std::chrono::hours kSignedFor{29 * 24};

using Found = Result<std::optional<std::string>>;

// For messages and the audit.
std::string name_of(const http::Request& request) {
  return attachment_name(fhir::binary_name(shortened(request.parameter("name"), 64),
                                           shortened(request.parameter("version"), 64)));
}

Found read_newest(const Service& service, const fhir::ResourceId& key, store::Sequence as_of) {
  SLUICE_ASSIGN_OR_RETURN(auto record, service.store.read(key, as_of));
  if (!record) {
    // Versions are kept for running jobs only: then the newest is what there is.
    SLUICE_ASSIGN_OR_RETURN(record, service.store.read(key, service.store.last_commit().sequence));
  }
  if (!record) return std::nullopt;
  return std::move(record->json);
}

// A version is what it is, or it is not there any more. One of after the export was not meant.
Found read_version(const Service& service, const fhir::ResourceId& key, std::string_view version,
                   const store::Commit& as_of) {
  const auto number = rest::version_number(version);
  if (!number) return std::nullopt;
  auto stored = rest::read_version(service.store, key, *number);
  if (!stored &&
      (stored.error().kind == ErrorKind::kNotFound || stored.error().kind == ErrorKind::kGone))
    return std::nullopt;
  if (!stored) return std::move(stored).error();
  if (stored->last_updated > as_of.instant) return std::nullopt;
  return std::move(stored->json);
}

Result<std::string> read_line(const Service& service, const http::Request& request,
                              const job::Job& job, const bulk::ExportRequest& asked,
                              const store::Commit& as_of) {
  const std::string id(request.parameter("name"));
  const Error missing = not_found(fmt::format("the export refers to no {}", name_of(request)));
  if (!fhir::is_valid_id(id)) return missing;
  const fhir::ResourceId key{fhir::types::kBinary, id};
  SLUICE_ASSIGN_OR_RETURN(auto json,
                          request.parameter("version").empty()
                              ? read_newest(service, key, as_of.sequence)
                              : read_version(service, key, request.parameter("version"), as_of));
  if (!json) return missing;
  SLUICE_ASSIGN_OR_RETURN(
      const auto access, bulk::AccessFilters::compile(asked.limits, {.base_url = asked.base_url,
                                                                     .now = job.snapshot.instant}));
  const query::BoundsCheck check(slow_bounds(service, request, slot_of(service, request)));
  search::Matcher matcher([&] { return check.look(); });
  SLUICE_ASSIGN_OR_RETURN(const bool seen, access.pass(matcher, key.type, *json));
  if (!seen) return missing;
  return std::move(*json);
}

}  // namespace

bulk::BinaryUrl attachment_urls(const std::unique_ptr<Authorization>& authorization) {
  return [&authorization](const job::Job& job, const bulk::ExportRequest& request,
                          std::string_view binary) -> Result<std::string> {
    if (request.attachment_access != bulk::AttachmentAccess::kCapability)
      return fmt::format("{}/{}", request.base_url, attachment_name(binary));
    if (authorization == nullptr)
      return Error{ErrorKind::kInternal, "an address could not be signed",
                   "the job is a client's, but the server runs open"};
    // It ends with the tokens of its client.
    const auto client = authorization->clients().find(job.client);
    SLUICE_ASSIGN_OR_RETURN(const auto signature,
                            authorization->capabilities().sign(
                                {job.id, attachment_name(binary),
                                 client == nullptr ? std::string_view() : client->generation},
                                job.snapshot.instant + kSignedFor));
    return fmt::format("{}?{}={}", attachment_url(request.base_url, job.id, binary),
                       kCapabilityParameter, signature);
  };
}

http::Response export_attachment(Service& service, const http::Request& request,
                                 const Principal& principal) {
  const auto found = find_job(service, request, principal,
                              {.kind = smart::AuditKind::kDownload, .file = name_of(request)});
  if (!found) return request_error(request, found.error());
  if (found->unreadable) return lost_job(request, *found);
  if (!is_export(*found)) return request_error(request, not_found("only exports have attachments"));
  const auto stored = bulk::export_request_of(found->view.job);
  if (!stored) return request_error(request, stored.error());
  const bulk::ExportRequest& asked = (*stored)->request;
  // A capability has been checked.
  if (principal.claims != nullptr) {
    RequestSlot slot(service, request);
    const auto attached =
        AttachedBinaries(service, request, principal, slot, search_bounds(service, request))
            .may_read(request.parameter("name"), request.parameter("version"));
    if (!attached) return request_error(request, attached.error());
    if (!*attached) return request_error(request, not_found("the export refers to no such Binary"));
  }
  // With a token it is what [base]/Binary/[id] is now.
  const auto line = read_line(
      service, request, found->view.job, asked,
      principal.claims != nullptr ? service.store.last_commit() : found->view.job.snapshot);
  if (!line) return request_error(request, line.error());
  // The token may be narrower than the one that the job was kicked off with.
  if (principal.claims != nullptr) {
    const auto allowed = authorize_content(principal, fhir::types::kBinary, *line,
                                           {smart::Permissions::kRead}, asked.base_url);
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
