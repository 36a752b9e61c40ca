// What a client that is limited to Groups may learn of: what exports of its groups could
// give it. The chains and _has of its filters are resolved in that, and attachments are shown by
// it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/export/request/access_limits.h"
#include "fhir/resource_type.h"
#include "query/bounds.h"
#include "search/matcher.h"
#include "search/resolver.h"
#include "store/store.h"

namespace sluice::bulk {

class PatientSet;

/// Reads lazily. One thread at a time; all references must outlive it.
class GroupReach final : public search::Resolver {
 public:
  /// `access`: what the scopes show. It limits which groups can be exported, and from which
  /// resources supporting ones are referenced; the caller applies it to what it visits. `bounds`
  /// limit the search for supporting resources.
  GroupReach(const store::Store& store, GroupLimit limit, const AccessFilters& access,
             const store::Commit& as_of, std::string base_url, query::Bounds bounds = {});
  ~GroupReach() override;

  /// The resources of the type in reach: in the compartments of the groups' members, the groups
  /// themselves, Provenance of what is in reach, and the supporting resources that exports have.
  Result<void> each(fhir::ResourceType type, const Visit& visit) override;
  Result<void> look() override { return bounds_.look(); }

  /// Whether a resource is one of the groups or in the compartment of a member: found without
  /// reading all members.
  Result<bool> holds(const store::Record& record);
  /// Whether a resource is in reach by what refers to it, or what it is about: may have to read the
  /// compartments of all members, once for all that is asked for.
  Result<bool> refers_to(const store::Record& record);

 private:
  struct Found;  // what is in reach, as far as it was needed
  Result<Found*> members();
  Result<void> find_supporting(Found& found);
  Result<void> add_provenances(Found& found);
  Result<void> add_references(Found& found, fhir::ResourceType type);
  Result<void> follow(Found& found);
  Result<bool> is_target_in_reach(Found& found, std::string_view provenance);
  Result<bool> is_in_reach(Found& found, const store::RecordView& record);
  Result<bool> may_export(const std::string& group_id);
  Result<bool> find_exportable(const std::string& group_id);
  bool may_read(fhir::ResourceType type) const;
  bool is_wanted_found(const Found& found) const;

  const store::Store& store_;
  const GroupLimit limit_;
  const AccessFilters& access_;
  const store::Commit as_of_;
  const std::string base_url_;
  std::map<std::string, bool> exportable_;  // groups that were asked for
  std::unique_ptr<Found> found_;
  search::Matcher matcher_{[this] { return bounds_.look(); }};
  query::BoundsCheck bounds_;
  std::optional<fhir::ResourceId> wanted_;  ///< what refers_to() looks for
};

}  // namespace sluice::bulk
