#include "bulk/roster.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "fhir/group_members.h"

namespace sluice::bulk {
namespace {

constexpr std::size_t kNamedMax = 10;

// Collects a group's patients and those of the groups in it. `path` holds the groups on the way
// down, `done` those that were read.
Result<void> collect(const store::Store& store, const std::string& base_url,
                     const std::string& group_id, const store::Commit& as_of,
                     std::set<std::string>& path, std::set<std::string>& done,
                     std::vector<std::string>& patients) {
  if (path.contains(group_id))
    return invalid(fmt::format("Group/{} is a member of itself by way of other groups", group_id));
  if (!done.insert(group_id).second) return {};
  SLUICE_TRY(const auto record, store.read({fhir::types::kGroup, group_id}, as_of.sequence));
  if (!record) {
    // A nested group that is not there has no members; the one that was asked for must be there.
    if (!path.empty()) return {};
    return not_found(fmt::format("there is no Group/{}", group_id));
  }
  SLUICE_TRY(const auto members, fhir::read_group_members(record->json, as_of.instant, base_url));
  patients.insert(patients.end(), members.patients.begin(), members.patients.end());
  path.insert(group_id);
  for (const auto& nested : members.groups)
    SLUICE_CHECK(collect(store, base_url, nested, as_of, path, done, patients));
  path.erase(group_id);
  return {};
}

Result<void> check_members(const std::vector<std::string>& wanted,
                           const std::vector<std::string>& members, const std::string& group_id) {
  std::vector<std::string> foreign;
  std::set_difference(wanted.begin(), wanted.end(), members.begin(), members.end(),
                      std::back_inserter(foreign));
  if (foreign.empty()) return {};
  std::string names;
  for (std::size_t i = 0; i < std::min(foreign.size(), kNamedMax); ++i)
    names += (names.empty() ? "Patient/" : ", Patient/") + foreign[i];
  return invalid(fmt::format("patient: {} of {} are not members of Group/{}: {}", foreign.size(),
                             wanted.size(), group_id, names));
}

}  // namespace

Roster::Roster(const std::vector<std::string>& ids) {
  ends_.reserve(ids.size());
  for (const auto& id : ids) {
    ids_ += id;
    ends_.push_back(static_cast<std::uint32_t>(ids_.size()));
  }
}

std::string_view Roster::operator[](std::size_t index) const {
  const std::uint32_t begin = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(ids_).substr(begin, ends_[index] - begin);
}

std::size_t Roster::lower_bound(std::string_view id) const {
  std::size_t low = 0;
  std::size_t high = size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if ((*this)[middle] < id)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bool Roster::contains(std::string_view id) const {
  const std::size_t index = lower_bound(id);
  return index < size() && (*this)[index] == id;
}

Result<std::shared_ptr<const Roster>> read_roster(const store::Store& store,
                                                  const ExportRequest& request,
                                                  const store::Commit& as_of) {
  if (request.level != ExportLevel::kGroup) {
    if (!request.patients) return std::shared_ptr<const Roster>();
    return std::make_shared<const Roster>(*request.patients);
  }
  std::vector<std::string> members;
  std::set<std::string> path;
  std::set<std::string> done;
  SLUICE_CHECK(collect(store, request.base_url, request.group_id, as_of, path, done, members));
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  if (!request.patients) return std::make_shared<const Roster>(members);
  SLUICE_CHECK(check_members(*request.patients, members, request.group_id));
  return std::make_shared<const Roster>(*request.patients);
}

}  // namespace sluice::bulk
