// Sets of patients, and who the members of a Group are.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "bulk/group/cohort.h"
#include "store/store.h"

namespace sluice::bulk {

/// A sorted set of patient ids in one block of memory: a million take about 45 MB. Immutable once
/// built.
class PatientSet {
 public:
  PatientSet() = default;
  /// `ids` must be sorted and unique; no patient is new.
  explicit PatientSet(const std::vector<std::string>& ids);
  /// `id` must be greater than all before.
  void add(std::string_view id, bool is_new);

  std::size_t size() const { return ends_.size(); }
  std::string_view operator[](std::size_t index) const;
  /// The first index whose id is at least `id`.
  std::size_t lower_bound(std::string_view id) const;
  bool contains(std::string_view id) const;

  /// The number of patients who joined the group after `_since`, whose resources are exported
  /// whatever their age (P-13).
  std::size_t new_count() const { return new_count_; }
  bool is_new(std::size_t index) const { return new_[index]; }
  bool is_new(std::string_view id) const;

 private:
  std::string ids_;
  std::vector<std::uint32_t> ends_;
  std::vector<bool> new_;
  std::size_t new_count_ = 0;
};

/// Whether an error of resolving a Group is caused by the Group or its nested groups.
bool is_about_groups(ErrorKind kind);

/// kNotFound when there is no such Group.
Result<void> check_group_exists(const store::Store& store, const std::string& group_id,
                                const store::Commit& as_of);

/// Checks that an existing Group can be resolved. kInvalid when groups contain each other, or the
/// error of a group's filters. Reads which groups are nested, no patients.
Result<void> check_nested_groups(const store::Store& store, const std::string& group_id,
                                 const store::Commit& as_of, const std::string& base_url);

/// The patients of one group as of a commit, with nested groups resolved: along a path a patient
/// joins with the last join, and the earliest of several paths counts. Reads the rows of joins and
/// leaves and parses no Group resource; evaluates a cohort whose members are not stored. `path`:
/// the cohorts whose evaluation led here. Patients who joined later than `since` are new, except
/// in such a cohort; without `since` none is. Errors as
/// check_nested_groups().
Result<PatientSet> read_members(const store::Store& store, const std::string& group_id,
                                const store::Commit& as_of, const std::string& base_url,
                                const CohortPath& path,
                                std::optional<Instant> since = std::nullopt);

/// Whether one of `patients` is among read_members(), without reading all of them. Errors as
/// read_members().
Result<bool> has_member(const store::Store& store, const std::string& group_id,
                        const std::set<std::string, std::less<>>& patients,
                        const store::Commit& as_of, const std::string& base_url);

/// When the members of a group as of a commit joined, for those who joined later than `since`.
/// Errors as read_members().
using Joins = std::map<std::string, Instant, std::less<>>;
Result<Joins> joined_since(const store::Store& store, const std::string& group_id, Instant since,
                           const store::Commit& as_of, const std::string& base_url);

}  // namespace sluice::bulk
