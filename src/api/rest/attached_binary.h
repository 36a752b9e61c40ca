// Reads Binaries that a resource names in an Attachment (F-06): with the right to read that
// resource now, also after the job that exported it has ended.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api/core/principal.h"
#include "api/core/request_slot.h"
#include "api/core/service.h"
#include "base/result.h"
#include "bulk/export/request/access_limits.h"
#include "bulk/export/request/group_reach.h"
#include "fhir/resource_type.h"
#include "http/message.h"
#include "query/bounds.h"
#include "search/matcher.h"
#include "search/resource_filter.h"
#include "store/store.h"

namespace sluice::api {

/// Which Binaries one request may read so. One thread at a time; the references must outlive it.
class AttachedBinaries {
 public:
  /// `service`: with the whole store. `slot`: the request's, taken when it has to be looked at more
  /// than at a few resources; `bounds` end that.
  AttachedBinaries(const Service& service, const http::Request& request, const Principal& principal,
                   RequestSlot& slot, query::Bounds bounds);

  /// Whether a resource that the principal may read now names the Binary, or just this version of
  /// it. A client that is limited to groups may read what exports of its groups give it. False as
  /// well for a Binary that the queries of its scopes leave out. kUnavailable when there is no
  /// slot, kUnprocessable when it takes too long, or too many name it.
  Result<bool> may_read(std::string_view id, std::string_view version);

 private:
  const smart::ScopeSet& scopes() const { return principal_.claims->scopes; }
  bool is_limited_to_groups() const { return principal_.client->groups.has_value(); }
  smart::Permissions needed() const;
  Result<bool> look_for(const fhir::ResourceId& binary, std::string_view version);
  Result<bool> is_shown(const fhir::ResourceId& binary, std::string_view version);
  Result<bool> opens(const fhir::ResourceId& key, std::string_view binary);
  Result<bool> covers(fhir::ResourceType type, std::string_view json);
  Result<bool> is_in_reach(const store::Record& record);

  const Service& service_;
  const Principal& principal_;
  RequestSlot& slot_;
  const std::string base_url_;
  const store::Commit as_of_;
  const query::Bounds bounds_;
  query::BoundsCheck check_;
  const bulk::AccessLimits limits_;
  // Made when they are needed, and once for all that is looked at.
  std::optional<bulk::AccessFilters> access_;
  std::map<fhir::ResourceType, search::ResourceFilter> filters_;
  std::optional<bulk::GroupReach> reach_;
  search::Matcher matcher_{[this] { return check_.look(); }};
};

/// Whether the request, a read of a Binary or of a version, which the principal's scopes do not
/// cover or which its limit to groups closes, is one of such an attachment. Errors as may_read().
Result<bool> reads_as_attachment(const Service& service, const http::Request& request,
                                 const Principal& principal);
/// GET [base]/Binary/[id], or of a version, for clients that read it as an attachment.
http::Response read_attached(Service& service, const http::Request& request,
                             const Principal& principal);

}  // namespace sluice::api
