#include "api/rest/attached_binary.h"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "api/core/fhir_response.h"
#include "api/core/resource_headers.h"
#include "api/rest/resource_interactions.h"
#include "bulk/export/request/access_limits.h"
#include "bulk/export/request/group_reach.h"
#include "fhir/attachment_urls.h"
#include "query/bounds.h"

namespace sluice::api {
namespace {

/// The most resources that are looked at for one Binary. Those that name it are in the order of
/// their types and ids; a Binary that more of them name is a logo, and the first ones say it.
constexpr std::size_t kReferrersMax = 1'000;

class AttachedCheck {
 public:
  AttachedCheck(const Service& service, const http::Request& request, const Principal& principal)
      : service_(service),
        request_(request),
        principal_(principal),
        base_url_(service.base_url(request)),
        as_of_(service.store.last_commit()),
        limits_(access_limits(principal)),
        bounds_(search_bounds(service, request)),
        check_(bounds_) {}

  Result<bool> run(std::string_view binary_id) {
    SLUICE_TRY(const auto referrers, service_.store.attached_to(binary_id, kReferrersMax));
    if (referrers.empty()) return false;
    SLUICE_TRY(access_, bulk::AccessFilters::compile(
                            limits_, {.base_url = base_url_, .now = as_of_.instant}));
    SLUICE_TRY(const bool shown, is_shown({fhir::types::kBinary, std::string(binary_id)}));
    if (!shown) return false;
    for (const auto& key : referrers) {
      SLUICE_CHECK(check_.look());
      SLUICE_TRY(const bool reads, may_read(key, binary_id));
      if (reads) return true;
    }
    return false;
  }

 private:
  const smart::ScopeSet& scopes() const { return principal_.claims->scopes; }
  bool is_limited_to_groups() const { return principal_.client->groups.has_value(); }

  // Exports leave out what a scope's query on Binary does not cover, and what a securityContext
  // keeps to others; attachments too. That there is no Binary hides nothing.
  Result<bool> is_shown(const fhir::ResourceId& key) const {
    SLUICE_TRY(const auto record, service_.store.read(key, as_of_.sequence));
    if (!record) return true;
    search::Matcher matcher;
    return access_.pass(matcher, key.type, record->json);
  }

  Result<bool> may_read(const fhir::ResourceId& key, std::string_view binary_id) {
    const smart::Permissions needed = is_limited_to_groups()
                                          ? smart::kExportPermissions
                                          : smart::Permissions{smart::Permissions::kRead};
    if (!scopes().permissions_for_some(key.type).all_of(needed)) return false;
    SLUICE_TRY(const auto record, service_.store.read(key, as_of_.sequence));
    if (!record) return false;
    SLUICE_TRY(const bool names, fhir::names_binary(record->json, key.type, binary_id, base_url_));
    if (!names) return false;
    SLUICE_TRY(const bool covered,
               covers(service_, request_, principal_, key.type, needed, record->json));
    if (!covered || !is_limited_to_groups()) return covered;
    return is_in_reach(*record);
  }

  Result<bool> is_in_reach(const store::Record& record) {
    bulk::GroupReach reach(service_.store, *limits_.groups, access_, as_of_, base_url_, bounds_);
    SLUICE_TRY(const bool held, reach.holds(record));
    if (held) return true;
    SLUICE_TRY(const auto slot, take_slot(service_, request_));
    return reach.refers_to(record);
  }

  const Service& service_;
  const http::Request& request_;
  const Principal& principal_;
  const std::string base_url_;
  const store::Commit as_of_;
  const bulk::AccessLimits limits_;
  bulk::AccessFilters access_;  // made of limits_, once for all that is looked at
  const query::Bounds bounds_;
  query::BoundsCheck check_;
};

}  // namespace

Result<bool> may_read_attached(const Service& service, const http::Request& request,
                               const Principal& principal, std::string_view binary_id) {
  if (principal.claims == nullptr || !fhir::is_valid_id(binary_id)) return false;
  auto may = AttachedCheck(service, request, principal).run(binary_id);
  if (!may && may.error().kind == ErrorKind::kTimeout)
    return Error{ErrorKind::kUnprocessable,
                 fmt::format("what refers to the Binary takes more than {} s to find",
                             service.options.search_timeout.count())};
  return may;
}

Result<bool> reads_as_attachment(const Service& service, const http::Request& request,
                                 const Principal& principal) {
  if (authorize_resource(principal, fhir::types::kBinary, {smart::Permissions::kRead}))
    return false;
  return may_read_attached(service, request, principal, request.parameter("id"));
}

http::Response read_attached(Service& service, const http::Request& request,
                             const Principal& principal) {
  if (const auto refused = refuse_headers(request); !refused)
    return request_error(request, refused.error());
  return read_resource(service, request, principal, fhir::types::kBinary);
}

}  // namespace sluice::api
