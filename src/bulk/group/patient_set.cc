#include "bulk/group/patient_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <utility>

#include "fhir/group_members.h"
#include "fhir/reference.h"

namespace sluice::bulk {
namespace {

constexpr std::size_t kNestingMax = 1000;

/// The groups that are reached from one, and since when each belongs to it.
class GroupGraph {
 public:
  GroupGraph(const store::Store& store, const std::string& base_url, const store::Commit& as_of)
      : store_(store), base_url_(base_url), as_of_(as_of) {}

  /// kInvalid when groups contain each other.
  Result<void> follow(const std::string& root) {
    std::set<std::string> path;
    SLUICE_RETURN_IF_ERROR(visit(root, path));
    // The outer before the inner: then the joins on all ways to a group are known before its own.
    since_[root] = fhir::kSinceEver;
    for (auto it = finished_.rbegin(); it != finished_.rend(); ++it)
      for (const auto& [inner, joined] : nested_[*it]) {
        const Instant through = std::max(since_.at(*it), joined);
        const auto [known, is_first] = since_.try_emplace(inner, through);
        if (!is_first) known->second = std::min(known->second, through);
      }
    return {};
  }

  const std::map<std::string, Instant>& since() const { return since_; }
  /// Cohorts whose members are not stored as of the commit.
  const std::set<std::string>& pending() const { return pending_; }

 private:
  Result<void> visit(const std::string& id, std::set<std::string>& path) {
    if (path.contains(id))
      return invalid(fmt::format("Group/{} is a member of itself by way of other groups", id));
    if (nested_.contains(id)) return {};
    if (path.size() > kNestingMax)
      return invalid(fmt::format("Group/{} is nested more than {} groups deep", id, kNestingMax));
    SLUICE_RETURN_IF_ERROR(each_member({fhir::kPendingCohort}, id,
                                       [&](std::string_view, Instant) { pending_.insert(id); }));
    auto& nested = nested_[id];
    SLUICE_RETURN_IF_ERROR(each_member(
        fhir::types::kGroup, id,
        [&](std::string_view inner, Instant joined) { nested.emplace_back(inner, joined); }));
    SLUICE_RETURN_IF_ERROR(
        each_member({fhir::kUrlMember}, id, [&](std::string_view url, Instant joined) {
          const auto reference = fhir::parse_reference(url, base_url_);
          if (reference && reference->type == fhir::types::kGroup)
            nested.emplace_back(reference->id, joined);
        }));
    path.insert(id);
    // A visit adds to the map, which leaves this list where it is.
    for (const auto& [inner, joined] : nested) SLUICE_RETURN_IF_ERROR(visit(inner, path));
    path.erase(id);
    finished_.push_back(id);
    return {};
  }

  template <class Visit>
  Result<void> each_member(fhir::ResourceType type, const std::string& group_id, Visit visit) {
    SLUICE_ASSIGN_OR_RETURN(const auto scan, store_.members(group_id, type, as_of_.sequence));
    store::Member member;
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(member));
      if (!more) return {};
      if (const auto since = member.member_since(as_of_.instant)) visit(member.id, *since);
    }
  }

  const store::Store& store_;
  const std::string& base_url_;
  const store::Commit& as_of_;
  std::map<std::string, std::vector<std::pair<std::string, Instant>>> nested_;
  std::vector<std::string> finished_;  // the inner before the outer
  std::map<std::string, Instant> since_;
  std::set<std::string> pending_;
};

Result<GroupGraph> follow_groups(const store::Store& store, const std::string& group_id,
                                 const store::Commit& as_of, const std::string& base_url) {
  GroupGraph groups(store, base_url, as_of);
  SLUICE_RETURN_IF_ERROR(groups.follow(group_id));
  return groups;
}

/// One group's patients in order, each with the instant of joining.
class PatientStream {
 public:
  virtual ~PatientStream() = default;
  /// False at the end.
  virtual Result<bool> next() = 0;
  std::string_view id() const { return id_; }
  Instant joined() const { return joined_; }

 protected:
  std::string_view id_;
  Instant joined_;
};

class StatedPatients final : public PatientStream {
 public:
  StatedPatients(std::unique_ptr<store::MemberScan> scan, Instant at, Instant group_since)
      : scan_(std::move(scan)), at_(at), group_since_(group_since) {}

  Result<bool> next() override {
    store::Member member;
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan_->next(member));
      if (!more) return false;
      const auto since = member.member_since(at_);
      if (!since) continue;
      id_ = member.id;
      joined_ = std::max(*since, group_since_);
      return true;
    }
  }

 private:
  const std::unique_ptr<store::MemberScan> scan_;
  const Instant at_;
  const Instant group_since_;
};

/// Patients with copies of their ids: those that groups name by absolute URLs, and those that
/// filters found.
class ListedPatients final : public PatientStream {
 public:
  void add(std::string_view id, Instant joined) { patients_.emplace_back(id, joined); }
  /// Needed unless they were added in order.
  void sort() { std::sort(patients_.begin(), patients_.end()); }

  Result<bool> next() override {
    if (at_ == patients_.size()) return false;
    id_ = patients_[at_].first;
    joined_ = patients_[at_].second;
    ++at_;
    return true;
  }

 private:
  std::vector<std::pair<std::string, Instant>> patients_;
  std::size_t at_ = 0;
};

Result<std::vector<std::unique_ptr<PatientStream>>> open_streams(const store::Store& store,
                                                                 const std::string& base_url,
                                                                 const GroupGraph& groups,
                                                                 const store::Commit& as_of,
                                                                 const CohortPath& path) {
  std::vector<std::unique_ptr<PatientStream>> streams;
  auto by_url = std::make_unique<ListedPatients>();
  for (const auto& [group_id, group_since] : groups.since()) {
    SLUICE_ASSIGN_OR_RETURN(auto patients,
                            store.members(group_id, fhir::types::kPatient, as_of.sequence));
    streams.push_back(
        std::make_unique<StatedPatients>(std::move(patients), as_of.instant, group_since));
    SLUICE_ASSIGN_OR_RETURN(auto urls, store.members(group_id, {fhir::kUrlMember}, as_of.sequence));
    StatedPatients stated(std::move(urls), as_of.instant, group_since);
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, stated.next());
      if (!more) break;
      const auto reference = fhir::parse_reference(stated.id(), base_url);
      if (reference && reference->type == fhir::types::kPatient)
        by_url->add(reference->id, stated.joined());
    }
  }
  by_url->sort();
  streams.push_back(std::move(by_url));
  for (const auto& cohort : groups.pending()) {
    SLUICE_ASSIGN_OR_RETURN(const auto ids,
                            evaluate_patients(store, cohort, as_of, base_url, path));
    auto found = std::make_unique<ListedPatients>();
    // It is not recorded since when they belong to it: they are not new.
    for (const auto& id : ids) found->add(id, fhir::kSinceEver);
    streams.push_back(std::move(found));
  }
  return streams;
}

/// The union of the streams: calls `visit` with each patient, in order, and the earliest instant of
/// joining.
template <class Visit>
Result<void> each_patient(const std::vector<std::unique_ptr<PatientStream>>& streams, Visit visit) {
  const auto later = [](const PatientStream* a, const PatientStream* b) {
    return a->id() > b->id();
  };
  std::priority_queue<PatientStream*, std::vector<PatientStream*>, decltype(later)> open(later);
  for (const auto& stream : streams) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, stream->next());
    if (more) open.push(stream.get());
  }
  std::string id;
  while (!open.empty()) {
    id = open.top()->id();
    Instant joined = fhir::kForEver;
    while (!open.empty() && open.top()->id() == id) {
      PatientStream* const stream = open.top();
      open.pop();
      joined = std::min(joined, stream->joined());
      SLUICE_ASSIGN_OR_RETURN(const bool more, stream->next());
      if (more) open.push(stream);
    }
    visit(std::string_view(id), joined);
  }
  return {};
}

/// `since`: patients who joined later are new; nullopt: none is.
Result<PatientSet> merge(const std::vector<std::unique_ptr<PatientStream>>& streams,
                         std::optional<Instant> since) {
  PatientSet patient_set;
  SLUICE_RETURN_IF_ERROR(each_patient(streams, [&](std::string_view id, Instant joined) {
    patient_set.add(id, since && joined > *since);
  }));
  return patient_set;
}

}  // namespace

PatientSet::PatientSet(const std::vector<std::string>& ids) {
  ends_.reserve(ids.size());
  for (const auto& id : ids) add(id, false);
}

void PatientSet::add(std::string_view id, bool is_new) {
  ids_ += id;
  ends_.push_back(static_cast<std::uint32_t>(ids_.size()));
  new_.push_back(is_new);
  new_count_ += is_new ? 1 : 0;
}

std::string_view PatientSet::operator[](std::size_t index) const {
  const std::uint32_t begin = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(ids_).substr(begin, ends_[index] - begin);
}

std::size_t PatientSet::lower_bound(std::string_view id) const {
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

bool PatientSet::contains(std::string_view id) const {
  const std::size_t index = lower_bound(id);
  return index < size() && (*this)[index] == id;
}

bool PatientSet::is_new(std::string_view id) const {
  if (new_count_ == 0) return false;
  const std::size_t index = lower_bound(id);
  return index < size() && (*this)[index] == id && new_[index];
}

bool is_about_groups(ErrorKind kind) {
  return kind == ErrorKind::kInvalid || kind == ErrorKind::kUnsupported ||
         kind == ErrorKind::kUnprocessable || kind == ErrorKind::kNotFound;
}

Result<void> check_group_exists(const store::Store& store, const std::string& group_id,
                                const store::Commit& as_of) {
  SLUICE_ASSIGN_OR_RETURN(const auto exists,
                          store.exist(fhir::types::kGroup, {group_id}, as_of.sequence));
  if (exists.front()) return {};
  return not_found(fmt::format("there is no Group/{}", group_id));
}

Result<void> check_nested_groups(const store::Store& store, const std::string& group_id,
                                 const store::Commit& as_of, const std::string& base_url) {
  SLUICE_ASSIGN_OR_RETURN(const auto groups, follow_groups(store, group_id, as_of, base_url));
  for (const auto& cohort : groups.pending())
    SLUICE_RETURN_IF_ERROR(read_stored_cohort(store, cohort, as_of, base_url));
  return {};
}

Result<PatientSet> read_members(const store::Store& store, const std::string& group_id,
                                const store::Commit& as_of, const std::string& base_url,
                                const CohortPath& path, std::optional<Instant> since) {
  SLUICE_ASSIGN_OR_RETURN(const auto groups, follow_groups(store, group_id, as_of, base_url));
  SLUICE_ASSIGN_OR_RETURN(const auto streams, open_streams(store, base_url, groups, as_of, path));
  return merge(streams, since);
}

Result<bool> has_member(const store::Store& store, const std::string& group_id,
                        const std::set<std::string, std::less<>>& patients,
                        const store::Commit& as_of, const std::string& base_url) {
  SLUICE_ASSIGN_OR_RETURN(const auto groups, follow_groups(store, group_id, as_of, base_url));
  store::Member member;
  for (const auto& [id, since] : groups.since()) {
    SLUICE_ASSIGN_OR_RETURN(const auto stated,
                            store.members(id, fhir::types::kPatient, as_of.sequence));
    for (const auto& patient : patients) {
      stated->seek(patient);
      SLUICE_ASSIGN_OR_RETURN(const bool more, stated->next(member));
      if (more && member.id == patient && member.member_since(as_of.instant)) return true;
    }
    SLUICE_ASSIGN_OR_RETURN(const auto urls, store.members(id, {fhir::kUrlMember}, as_of.sequence));
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, urls->next(member));
      if (!more) break;
      const auto reference = fhir::parse_reference(member.id, base_url);
      if (reference && reference->type == fhir::types::kPatient &&
          patients.contains(reference->id) && member.member_since(as_of.instant))
        return true;
    }
  }
  for (const auto& cohort : groups.pending()) {
    SLUICE_ASSIGN_OR_RETURN(const auto ids, evaluate_patients(store, cohort, as_of, base_url, {}));
    if (std::any_of(ids.begin(), ids.end(), [&](const auto& id) { return patients.contains(id); }))
      return true;
  }
  return false;
}

Result<Joins> joined_since(const store::Store& store, const std::string& group_id, Instant since,
                           const store::Commit& as_of, const std::string& base_url) {
  SLUICE_ASSIGN_OR_RETURN(const auto groups, follow_groups(store, group_id, as_of, base_url));
  SLUICE_ASSIGN_OR_RETURN(const auto streams, open_streams(store, base_url, groups, as_of, {}));
  Joins joins;
  SLUICE_RETURN_IF_ERROR(each_patient(streams, [&](std::string_view id, Instant joined) {
    if (joined > since) joins.emplace(id, joined);
  }));
  return joins;
}

}  // namespace sluice::bulk
