// The members of a Group that is defined by filters, as of one state of the store (G-03).
// cohort_job does the same in shards and writes the result.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "search/cohort.h"
#include "store/store.h"

namespace sluice::bulk {

/// Sorted and unique.
using SubjectIds = std::vector<std::string>;

/// The groups that are on the way from the one that is resolved: a cohort may choose from the
/// members of groups that have cohorts in them.
using CohortPath = std::set<std::string>;

/// A part of the work: the resources of one filter in one range.
struct CohortPart {
  unsigned filter = 0;
  store::KeyRange range;
  bool of_patient = false;  ///< all that one patient has: also what is stored with another
};
/// All parts of a cohort's filters, each of about `part_size` bytes. Of a base population of few
/// patients, those of each of them, when that reads less.
Result<std::vector<CohortPart>> cohort_parts(const store::Store& store,
                                             const search::Cohort& cohort,
                                             std::string_view group_json,
                                             const store::Commit& as_of,
                                             const std::string& base_url, const CohortPath& path,
                                             std::uint64_t part_size);

/// The cohort with chains and _has of its filters resolved as of a commit.
Result<search::Cohort> resolved(const store::Store& store, const search::Cohort& cohort,
                                store::Sequence as_of);

/// The subjects of the resources of a range that match the filter: the resources themselves when
/// they are of the subject's type, else the owners of their compartments, whether these exist or
/// not. `step` gets the number of bytes read and may end the scan by an error.
Result<SubjectIds> matching_subjects(const store::Store& store, const search::Cohort& cohort,
                                     const CohortPart& part, store::Sequence as_of,
                                     const std::function<Result<void>(std::uint64_t)>& step);

/// The members: the subjects that every filter found, that are in the base population of
/// `group_json` (if it states one), and that exist. kInvalid when groups contain each other,
/// kUnprocessable for a base population that cannot be read.
Result<SubjectIds> choose_members(const store::Store& store, const search::Cohort& cohort,
                                  std::string_view group_json, std::vector<SubjectIds> by_filter,
                                  const store::Commit& as_of, const std::string& base_url,
                                  CohortPath path);

/// The patients that a cohort chooses, found at once on several threads; none for a cohort of
/// practitioners or devices.
Result<SubjectIds> evaluate_patients(const store::Store& store, const std::string& group_id,
                                     const store::Commit& as_of, const std::string& base_url,
                                     CohortPath path);

/// The cohort that a Group's version as of a commit defines; kNotFound when there is none.
struct StoredCohort {
  std::string group_json;
  std::uint32_t version = 0;
  search::Cohort cohort;
};
Result<StoredCohort> read_stored_cohort(const store::Store& store, const std::string& group_id,
                                        const store::Commit& as_of, const std::string& base_url);

}  // namespace sluice::bulk
