#include "bulk/export/request/group_reach.h"

#include <algorithm>
#include <map>
#include <utility>

#include "bulk/group/patient_set.h"
#include "fhir/compartment.h"
#include "fhir/reference_walk.h"

namespace sluice::bulk {

struct GroupReach::Found {
  explicit Found(std::string base_url) : walk(std::move(base_url)) {}

  std::set<std::string, std::less<>> groups;  ///< those that can be exported
  PatientSet patients;                        ///< the members of all of them
  /// Supporting resources by type, and those of them whose own references are still to be followed.
  std::map<fhir::ResourceType, std::set<std::string, std::less<>>> supporting;
  std::vector<fhir::ResourceId> open;
  /// How far they are found; `open` tells the rest. What was looked for may end it before its end.
  enum class Step : std::uint8_t { kBegin, kCompartments, kProvenance, kDone };
  Step step = Step::kBegin;
  std::vector<fhir::ResourceType> types;  ///< whose members' resources are still to be read
  std::size_t patient = 0;                ///< of the last of them: from whom on
  fhir::ReferenceWalk walk;

  bool has_owner(std::string_view owners) const {
    store::OwnerList list(owners);
    while (const auto owner = list.next())
      if (patients.contains(*owner)) return true;
    return false;
  }
  bool has_supporting(fhir::ResourceType type, std::string_view id) const {
    const auto ids = supporting.find(type);
    return ids != supporting.end() && ids->second.contains(id);
  }
  void add_references(std::string_view encoded) {
    store::SupportingReferences references(encoded);
    while (const auto item = references.next())
      if (fhir::may_be_supporting(item->type) && supporting[item->type].emplace(item->id).second)
        open.push_back({item->type, std::string(item->id)});
  }
};

GroupReach::GroupReach(const store::Store& store, GroupLimit limit, const AccessFilters& access,
                       const store::Commit& as_of, std::string base_url, query::Bounds bounds)
    : store_(store),
      limit_(std::move(limit)),
      access_(access),
      as_of_(as_of),
      base_url_(std::move(base_url)),
      bounds_(std::move(bounds)) {}

GroupReach::~GroupReach() = default;

bool GroupReach::may_read(fhir::ResourceType type) const {
  return !limit_.types || std::binary_search(limit_.types->begin(), limit_.types->end(), type);
}

Result<bool> GroupReach::may_export(const std::string& group_id) {
  const auto known = exportable_.find(group_id);
  if (known != exportable_.end()) return known->second;
  SLUICE_ASSIGN_OR_RETURN(const bool exportable, find_exportable(group_id));
  return exportable_.emplace(group_id, exportable).first->second;
}

// A large Group is not read unless it has to be.
Result<bool> GroupReach::find_exportable(const std::string& group_id) {
  if (!access_.limits(fhir::types::kGroup)) {
    SLUICE_ASSIGN_OR_RETURN(const auto exists,
                            store_.exist(fhir::types::kGroup, {group_id}, as_of_.sequence));
    return exists.front();
  }
  SLUICE_ASSIGN_OR_RETURN(const auto group,
                          store_.read({fhir::types::kGroup, group_id}, as_of_.sequence));
  if (!group) return false;
  return access_.pass(matcher_, fhir::types::kGroup, group->json);
}

// Whatever is found later: what has an owner, and so may be taken out again, is never wanted.
bool GroupReach::is_wanted_found(const Found& found) const {
  return wanted_ && found.has_supporting(wanted_->type, wanted_->id);
}

Result<bool> GroupReach::holds(const store::Record& record) {
  if (!may_read(record.key.type)) return false;
  const bool is_group = record.key.type == fhir::types::kGroup;
  std::set<std::string, std::less<>> patients;
  store::OwnerList owners(record.owners);
  while (const auto owner = owners.next()) patients.emplace(*owner);
  if (!is_group && patients.empty()) return false;
  for (const auto& id : limit_.groups) {
    if (is_group && id != record.key.id) continue;
    SLUICE_RETURN_IF_ERROR(bounds_.step());
    SLUICE_ASSIGN_OR_RETURN(const bool exported, may_export(id));
    if (!exported) continue;
    const auto member = has_member(store_, id, patients, as_of_, base_url_);
    // One that cannot be resolved cannot be exported.
    if (!member && is_about_groups(member.error().kind)) continue;
    if (!member) return member.error();
    if (is_group || *member) return true;
  }
  return false;
}

Result<bool> GroupReach::refers_to(const store::Record& record) {
  const auto type = record.key.type;
  if (!may_read(type) || (!fhir::may_be_supporting(type) && type != fhir::types::kProvenance))
    return false;
  SLUICE_ASSIGN_OR_RETURN(Found* const found, members());
  store::RecordView view;
  view.type = type;
  view.id = record.key.id;
  view.owners = record.owners;
  view.json = record.json;
  // Whether a Provenance is in reach rests on all that is.
  if (type != fhir::types::kProvenance) wanted_ = record.key;
  auto reached = is_in_reach(*found, view);
  wanted_.reset();
  return reached;
}

Result<GroupReach::Found*> GroupReach::members() {
  if (found_ != nullptr) return found_.get();
  auto found = std::make_unique<Found>(base_url_);
  std::set<std::string> patients;
  for (const auto& id : limit_.groups) {
    SLUICE_ASSIGN_OR_RETURN(const bool exported, may_export(id));
    if (!exported) continue;
    const auto of_group = read_members(store_, id, as_of_, base_url_, {});
    // One that cannot be resolved cannot be exported.
    if (!of_group && is_about_groups(of_group.error().kind)) continue;
    if (!of_group) return of_group.error();
    found->groups.insert(id);
    for (std::size_t i = 0; i < of_group->size(); ++i) patients.emplace((*of_group)[i]);
  }
  for (const auto& id : patients) found->patients.add(id, false);
  found_ = std::move(found);
  return found_.get();
}

// As an export does: what refers to them is what may be seen of the compartments, whatever else may
// be seen of what they refer to in turn. Goes on where it ended the last time.
Result<void> GroupReach::find_supporting(Found& found) {
  using Step = Found::Step;
  if (is_wanted_found(found)) return {};
  if (found.step == Step::kBegin) {
    SLUICE_ASSIGN_OR_RETURN(const auto statistics, store_.statistics());
    for (const auto& of_type : statistics)
      if (fhir::is_in_patient_compartment(of_type.type) && of_type.type != fhir::types::kGroup &&
          may_read(of_type.type))
        found.types.push_back(of_type.type);
    std::reverse(found.types.begin(), found.types.end());
    found.step = Step::kCompartments;
  }
  if (found.step == Step::kCompartments) {
    for (; !found.types.empty(); found.types.pop_back(), found.patient = 0) {
      SLUICE_RETURN_IF_ERROR(add_references(found, found.types.back()));
      if (is_wanted_found(found)) return {};
    }
    SLUICE_RETURN_IF_ERROR(follow(found));
    if (is_wanted_found(found)) return {};
    found.step = Step::kProvenance;
  }
  if (found.step == Step::kProvenance) {
    SLUICE_RETURN_IF_ERROR(add_provenances(found));
    found.step = Step::kDone;
  }
  return follow(found);
}

// A Provenance may be in reach by what it is about, and refers to others in its turn.
Result<void> GroupReach::add_provenances(Found& found) {
  if (!may_read(fhir::types::kProvenance)) return {};
  SLUICE_ASSIGN_OR_RETURN(
      const auto scan, store_.scan(store::whole_type(fhir::types::kProvenance), as_of_.sequence));
  store::RecordView record;
  while (true) {
    SLUICE_RETURN_IF_ERROR(bounds_.step());
    SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
    if (!more) return {};
    if (record.is_link || found.has_owner(record.owners)) continue;
    SLUICE_ASSIGN_OR_RETURN(const bool reached, is_target_in_reach(found, record.json));
    if (!reached) continue;
    SLUICE_ASSIGN_OR_RETURN(const bool seen, access_.pass(matcher_, record.type, record.json));
    if (seen) found.add_references(record.supporting);
  }
}

// What the members' resources of one type refer to.
Result<void> GroupReach::add_references(Found& found, fhir::ResourceType type) {
  SLUICE_ASSIGN_OR_RETURN(const auto scan, store_.scan(store::with_owner(type), as_of_.sequence));
  const PatientSet& patients = found.patients;
  store::RecordView record;
  for (std::size_t& i = found.patient; i < patients.size() && !is_wanted_found(found);) {
    scan->seek_owner(patients[i]);
    while (true) {
      SLUICE_RETURN_IF_ERROR(bounds_.step());
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
      if (!more) {
        i = patients.size();
        return {};
      }
      if (record.owner != patients[i]) break;
      if (record.is_link) {
        SLUICE_ASSIGN_OR_RETURN(const auto linked,
                                store_.read({type, std::string(record.id)}, as_of_.sequence));
        if (!linked) continue;
        SLUICE_ASSIGN_OR_RETURN(const bool seen, access_.pass(matcher_, type, linked->json));
        if (seen) found.add_references(linked->supporting);
        continue;
      }
      SLUICE_ASSIGN_OR_RETURN(const bool seen, access_.pass(matcher_, type, record.json));
      if (seen) found.add_references(record.supporting);
    }
    // The record that ended this patient tells how far there is nothing.
    i = std::max(i + 1, patients.lower_bound(record.owner));
  }
  return {};
}

Result<void> GroupReach::follow(Found& found) {
  while (!found.open.empty() && !is_wanted_found(found)) {
    SLUICE_RETURN_IF_ERROR(bounds_.step());
    const fhir::ResourceId next = std::move(found.open.back());
    found.open.pop_back();
    // What is in a patient's compartment is there for the patient, whoever refers to it.
    if (fhir::is_in_patient_compartment(next.type)) {
      SLUICE_ASSIGN_OR_RETURN(const auto owners, store_.owners(next, as_of_.sequence));
      if (owners && !owners->empty()) {
        found.supporting[next.type].erase(next.id);
        continue;
      }
    }
    if (!may_read(next.type)) continue;
    SLUICE_ASSIGN_OR_RETURN(const auto record, store_.read_of({}, next, as_of_.sequence));
    if (record) found.add_references(record->supporting);
  }
  return {};
}

Result<bool> GroupReach::is_target_in_reach(Found& found, std::string_view provenance) {
  SLUICE_ASSIGN_OR_RETURN(const auto head, found.walk.provenance(provenance));
  for (const auto& target : head.targets) {
    if (target.type == fhir::types::kGroup) {
      if (found.groups.contains(target.id)) return true;
      continue;
    }
    const bool is_referred = found.has_supporting(target.type, target.id);
    if (!fhir::is_in_patient_compartment(target.type)) {
      if (is_referred) return true;
      continue;
    }
    SLUICE_ASSIGN_OR_RETURN(const auto owners, store_.owners(target, as_of_.sequence));
    if (owners && (found.has_owner(*owners) || (is_referred && owners->empty()))) return true;
  }
  return false;
}

Result<bool> GroupReach::is_in_reach(Found& found, const store::RecordView& record) {
  if (record.type == fhir::types::kGroup) return found.groups.contains(record.id);
  if (found.has_owner(record.owners)) return true;
  if (record.type == fhir::types::kProvenance) {
    SLUICE_RETURN_IF_ERROR(find_supporting(found));
    return is_target_in_reach(found, record.json);
  }
  if (!fhir::may_be_supporting(record.type) || !record.owners.empty()) return false;
  SLUICE_RETURN_IF_ERROR(find_supporting(found));
  return found.has_supporting(record.type, record.id);
}

Result<void> GroupReach::each(fhir::ResourceType type, const Visit& visit) {
  if (!may_read(type)) return {};
  SLUICE_ASSIGN_OR_RETURN(Found* const found, members());
  SLUICE_ASSIGN_OR_RETURN(const auto scan, store_.scan(store::whole_type(type), as_of_.sequence));
  store::RecordView record;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
    if (!more) return {};
    // A link stands for a resource that is stored, and visited, with its first owner.
    if (record.is_link) continue;
    SLUICE_ASSIGN_OR_RETURN(const bool reached, is_in_reach(*found, record));
    if (reached) SLUICE_RETURN_IF_ERROR(visit(record.id, record.json));
  }
}

}  // namespace sluice::bulk
