#include "api/rest/attached_binary.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "api/core/access.h"
#include "api/core/fhir_response.h"
#include "api/core/resource_headers.h"
#include "api/rest/resource_interactions.h"
#include "fhir/attachment_urls.h"
#include "rest/interactions.h"

namespace sluice::api {
namespace {

/// How many resources are looked at as a read of a resource is, without a slot: a Binary that more
/// of them name is a logo or a leaflet.
constexpr std::size_t kWithoutSlot = 16;
/// The most that are looked at, in the order of their types and ids.
constexpr std::size_t kReferrersMax = 100'000;

}  // namespace

AttachedBinaries::AttachedBinaries(const Service& service, const http::Request& request,
                                   const Principal& principal, RequestSlot& slot,
                                   query::Bounds bounds)
    : service_(service),
      principal_(principal),
      slot_(slot),
      base_url_(service.base_url(request)),
      as_of_(service.store.last_commit()),
      bounds_(std::move(bounds)),
      check_(bounds_),
      limits_(access_limits(principal)) {}

Result<bool> AttachedBinaries::may_read(std::string_view id, std::string_view version) {
  if (principal_.claims == nullptr || !fhir::is_valid_id(id)) return false;
  auto may = look_for({fhir::types::kBinary, std::string(id)}, version);
  if (!may && may.error().kind == ErrorKind::kTimeout)
    return Error{ErrorKind::kUnprocessable,
                 fmt::format("what refers to the Binary takes more than {} s to find",
                             service_.options.search_timeout.count())};
  return may;
}

Result<bool> AttachedBinaries::look_for(const fhir::ResourceId& binary, std::string_view version) {
  SLUICE_ASSIGN_OR_RETURN(auto referrers, service_.store.attached_to(binary.id, kWithoutSlot + 1));
  if (referrers.empty()) return false;
  if (!access_) {
    SLUICE_ASSIGN_OR_RETURN(access_, bulk::AccessFilters::compile(
                                         limits_, {.base_url = base_url_, .now = as_of_.instant}));
  }
  SLUICE_ASSIGN_OR_RETURN(const bool shown, is_shown(binary, version));
  if (!shown) return false;
  if (referrers.size() > kWithoutSlot) {
    SLUICE_RETURN_IF_ERROR(slot_.take());
    SLUICE_ASSIGN_OR_RETURN(referrers, service_.store.attached_to(binary.id, kReferrersMax + 1));
  }
  const std::string name = fhir::binary_name(binary.id, version);
  const std::size_t count = std::min(referrers.size(), kReferrersMax);
  for (std::size_t i = 0; i < count; ++i) {
    SLUICE_RETURN_IF_ERROR(check_.look());
    SLUICE_ASSIGN_OR_RETURN(const bool opened, opens(referrers[i], name));
    if (opened) return true;
  }
  if (referrers.size() > kReferrersMax)
    return Error{ErrorKind::kUnprocessable,
                 fmt::format("more than {} resources refer to the Binary: scopes that cover Binary "
                             "open it without them",
                             kReferrersMax)};
  return false;
}

// Exports leave out what a scope's query on Binary does not cover, and what a securityContext keeps
// to others; attachments too. That there is no Binary hides nothing. Of a version both count: what
// it was, and what was thought of the Binary last.
Result<bool> AttachedBinaries::is_shown(const fhir::ResourceId& binary, std::string_view version) {
  if (version.empty()) {
    SLUICE_ASSIGN_OR_RETURN(const auto record, service_.store.read(binary, as_of_.sequence));
    if (!record) return true;
    return access_->pass(matcher_, binary.type, record->json);
  }
  constexpr std::uint32_t kNewest = std::numeric_limits<std::uint32_t>::max();
  SLUICE_ASSIGN_OR_RETURN(const auto newest, service_.store.versions(binary, kNewest, 2));
  const auto living =
      std::find_if(newest.begin(), newest.end(), [](const auto& known) { return !known.deleted; });
  if (living != newest.end()) {
    SLUICE_ASSIGN_OR_RETURN(const bool shown, access_->pass(matcher_, binary.type, living->json));
    if (!shown) return false;
  }
  const auto number = rest::version_number(version);
  if (!number) return true;
  const auto stored = rest::read_version(service_.store, binary, *number);
  if (!stored) return true;  // that it is not there is the read's to tell
  return access_->pass(matcher_, binary.type, stored->json);
}

// As a read, or for a client that is limited to groups as an export.
smart::Permissions AttachedBinaries::needed() const {
  return is_limited_to_groups() ? smart::kExportPermissions
                                : smart::Permissions{smart::Permissions::kRead};
}

Result<bool> AttachedBinaries::opens(const fhir::ResourceId& key, std::string_view binary) {
  if (!scopes().permissions_for_some(key.type).all_of(needed())) return false;
  SLUICE_ASSIGN_OR_RETURN(const auto record, service_.store.read(key, as_of_.sequence));
  if (!record) return false;
  SLUICE_ASSIGN_OR_RETURN(const bool covered, covers(key.type, record->json));
  if (!covered) return false;
  SLUICE_ASSIGN_OR_RETURN(const bool names,
                          fhir::names_binary(record->json, key.type, binary, base_url_));
  if (!names || !is_limited_to_groups()) return names;
  return is_in_reach(*record);
}

Result<bool> AttachedBinaries::covers(fhir::ResourceType type, std::string_view json) {
  auto filter = filters_.find(type);
  if (filter == filters_.end()) {
    SLUICE_ASSIGN_OR_RETURN(
        auto compiled,
        search::ResourceFilter::compile(type, scopes().limit(type, needed()),
                                        {.base_url = base_url_, .now = service_.clock.now()}));
    filter = filters_.emplace(type, std::move(compiled)).first;
  }
  return filter->second.passes(matcher_, json);
}

Result<bool> AttachedBinaries::is_in_reach(const store::Record& record) {
  if (!reach_)
    reach_.emplace(service_.store, *limits_.groups, *access_, as_of_, base_url_, bounds_);
  SLUICE_ASSIGN_OR_RETURN(const bool held, reach_->holds(record));
  if (held) return true;
  SLUICE_RETURN_IF_ERROR(slot_.take());
  return reach_->refers_to(record);
}

Result<bool> reads_as_attachment(const Service& service, const http::Request& request,
                                 const Principal& principal) {
  if (authorize_resource(principal, fhir::types::kBinary, {smart::Permissions::kRead}))
    return false;
  RequestSlot slot(service, request);
  return AttachedBinaries(service, request, principal, slot, search_bounds(service, request))
      .may_read(request.parameter("id"), request.parameter("version"));
}

http::Response read_attached(Service& service, const http::Request& request,
                             const Principal& principal) {
  if (const auto refused = refuse_headers(request); !refused)
    return request_error(request, refused.error());
  return request.parameter("version").empty()
             ? read_resource(service, request, principal, fhir::types::kBinary)
             : read_resource_version(service, request, principal, fhir::types::kBinary);
}

}  // namespace sluice::api
