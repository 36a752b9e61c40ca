#include "bulk/export/shard/owner_merge.h"

#include <algorithm>
#include <utility>

namespace sluice::bulk {
namespace {

// Passing over so many records costs about as much as a seek.
constexpr int kStepsBeforeSeek = 32;

}  // namespace

Result<OwnerMerge> OwnerMerge::open(const store::Store& store, std::vector<store::KeyRange> ranges,
                                    store::Sequence as_of, const PatientSet* patient_set) {
  std::stable_partition(ranges.begin(), ranges.end(), [](const store::KeyRange& range) {
    return range.type == fhir::types::kPatient;
  });
  OwnerMerge merge;
  merge.patient_set_ = patient_set;
  for (const auto& range : ranges) {
    Source source;
    SLUICE_ASSIGN_OR_RETURN(source.scan, store.scan(range, as_of));
    // Many scans side by side, each of few bytes: going to the start by owner reads ahead less.
    source.scan->seek_owner(patient_set != nullptr && patient_set->size() > 0 ? (*patient_set)[0]
                                                                              : "");
    SLUICE_RETURN_IF_ERROR(merge.advance(source));
    merge.sources_.push_back(std::move(source));
  }
  merge.at_ = merge.sources_.size();
  return merge;
}

Result<void> OwnerMerge::advance(Source& source) {
  SLUICE_ASSIGN_OR_RETURN(const bool more, source.scan->next(source.record));
  source.at_end = !more;
  return {};
}

Result<void> OwnerMerge::advance_to(Source& source, std::string_view owner) {
  for (int i = 0; i < kStepsBeforeSeek; ++i) {
    if (source.at_end || source.record.owner >= owner) return {};
    SLUICE_RETURN_IF_ERROR(advance(source));
  }
  if (source.at_end || source.record.owner >= owner) return {};
  source.scan->seek_owner(owner);
  return advance(source);
}

Result<bool> OwnerMerge::next_owner() {
  while (true) {
    const Source* first = nullptr;
    for (const auto& source : sources_)
      if (!source.at_end && (first == nullptr || source.record.owner < first->record.owner))
        first = &source;
    if (first == nullptr) return false;
    owner_ = first->record.owner;
    if (patient_set_ == nullptr) return true;
    const std::size_t index = patient_set_->lower_bound(owner_);
    if (index == patient_set_->size()) return false;
    if ((*patient_set_)[index] == owner_) return true;
    for (auto& source : sources_)
      SLUICE_RETURN_IF_ERROR(advance_to(source, (*patient_set_)[index]));
  }
}

Result<const store::RecordView*> OwnerMerge::next() {
  if (given_) SLUICE_RETURN_IF_ERROR(advance(sources_[at_]));
  given_ = false;
  while (true) {
    for (; at_ < sources_.size(); ++at_) {
      const Source& source = sources_[at_];
      if (source.at_end || source.record.owner != owner_) continue;
      given_ = true;
      return &source.record;
    }
    SLUICE_ASSIGN_OR_RETURN(const bool more, next_owner());
    if (!more) return nullptr;
    at_ = 0;
  }
}

}  // namespace sluice::bulk
