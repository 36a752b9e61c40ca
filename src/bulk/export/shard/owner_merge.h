// The records of several types in the order of their owners, for an export organised by Patient
// (P-09). Each type's records are stored in this order, so merging them takes one comparison for
// each owner and type, and no seek for each resource.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "bulk/group/patient_set.h"
#include "store/store.h"

namespace sluice::bulk {

/// One thread.
class OwnerMerge {
 public:
  /// The ranges have different types and cover the same owners. Of one owner's records those of
  /// Patient come first, then type by type in the order of the ranges. Skips owners that are not in
  /// `patient_set` (nullptr: skips none).
  static Result<OwnerMerge> open(const store::Store& store, std::vector<store::KeyRange> ranges,
                                 store::Sequence as_of, const PatientSet* patient_set);

  /// The next record or link; nullptr at the end. Valid until the next call.
  Result<const store::RecordView*> next();

 private:
  struct Source {
    std::unique_ptr<store::Scan> scan;
    store::RecordView record;
    bool at_end = false;
  };

  Result<void> advance(Source& source);
  Result<void> advance_to(Source& source, std::string_view owner);
  /// Goes to the next owner that anybody has; false at the end.
  Result<bool> next_owner();

  std::vector<Source> sources_;
  const PatientSet* patient_set_ = nullptr;
  std::string owner_;
  std::size_t at_ = 0;  // the source that gives owner_'s records
  bool given_ = false;  // its record has been given
};

}  // namespace sluice::bulk
