// What a client that is limited to Groups may learn of: what exports of its groups could
// give it. The chains and _has of its filters are resolved in that.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/access_limits.h"
#include "fhir/resource_type.h"
#include "search/matcher.h"
#include "search/resolver.h"
#include "store/store.h"

namespace sluice::bulk {

class Roster;

/// Nothing is read before it is asked for. One thread at a time; all references must outlive it.
class GroupReach final : public search::Resolver {
 public:
  /// `access`: what may be seen by the scopes. It limits which groups can be exported, and from
  /// what supporting resources are referred to; who asks limits what is visited by it.
  GroupReach(const store::Store& store, GroupLimit limit, const AccessFilters& access,
             const store::Commit& as_of, std::string base_url);
  ~GroupReach() override;

  /// The resources of the type in reach: in the compartments of the groups' members, the groups
  /// themselves, Provenance of what is in reach, and the supporting resources that exports have.
  Result<void> each(fhir::ResourceType type, const Visit& visit) override;

 private:
  struct Found;  // what is in reach, as far as it was needed
  Result<Found*> members();
  Result<void> find_supporting(Found& found);
  Result<void> add_references(Found& found, fhir::ResourceType type);
  Result<void> follow(Found& found);
  Result<bool> is_target_in_reach(Found& found, std::string_view provenance);
  Result<bool> is_in_reach(Found& found, const store::RecordView& record);
  bool may_read(fhir::ResourceType type) const;

  const store::Store& store_;
  const GroupLimit limit_;
  const AccessFilters& access_;
  const store::Commit as_of_;
  const std::string base_url_;
  std::unique_ptr<Found> found_;
  search::Matcher matcher_;
};

}  // namespace sluice::bulk
