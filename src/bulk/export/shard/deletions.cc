#include "bulk/export/shard/deletions.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "bulk/export/request/export_phases.h"
#include "fhir/compartment.h"
#include "fhir/operation_outcome.h"
#include "fhir/resource_type.h"

namespace sluice::bulk {
namespace {

// Entries of one Bundle: a client applies each as one transaction.
constexpr std::size_t kEntriesMax = 100;

constexpr std::string_view kBundleStart =
    R"({"resourceType":"Bundle","type":"transaction","entry":[)";
constexpr std::string_view kBundleEnd = "]}";

/// Puts entries into Bundles that keep to the files' size.
class BundleLines {
 public:
  explicit BundleLines(MessageFiles& messages) : messages_(messages) {}

  Result<void> add(fhir::ResourceType type, std::string_view id) {
    const std::string entry = fmt::format(R"({{"request":{{"method":"DELETE","url":"{}/{}"}}}})",
                                          fhir::type_name(type), id);
    // One more for the comma, one for the line break.
    const std::size_t size = line_.size() + entry.size() + kBundleEnd.size() + 2;
    if (entries_ == kEntriesMax || (entries_ > 0 && size > messages_.size_max()))
      SLUICE_RETURN_IF_ERROR(finish());
    line_ += entries_++ == 0 ? kBundleStart : ",";
    line_ += entry;
    return {};
  }

  Result<void> finish() {
    if (entries_ == 0) return {};
    line_ += kBundleEnd;
    SLUICE_RETURN_IF_ERROR(messages_.append(FileKind::kDeleted, line_));
    line_.clear();
    entries_ = 0;
    return {};
  }

 private:
  MessageFiles& messages_;
  std::string line_;
  std::size_t entries_ = 0;
};

bool is_in(const ClosedReferences* references, fhir::ResourceType type, std::string_view id) {
  if (references == nullptr) return false;
  const std::string key(id);
  const auto has = [&](const ReferencesByType& by_type) {
    const auto ids = by_type.find(type);
    return ids != by_type.end() && ids->second.contains(key);
  };
  return has(references->all) || has(references->owned);
}

}  // namespace

Deletions::Deletions(const store::Store& store, const PreparedExport& prepared,
                     MessageFiles& messages, Step step, query::Bounds bounds)
    : store_(store),
      prepared_(prepared),
      request_(prepared.request),
      messages_(messages),
      step_(std::move(step)),
      scope_(prepared),
      bounds_(std::move(bounds)) {
  if (request_.sorts_blocks()) blocks_.emplace(request_);
}

Result<void> Deletions::begin() {
  SLUICE_ASSIGN_OR_RETURN(window_, change_window(store_, request_, prepared_.snapshot));
  former_.emplace(store_, prepared_, window_, bounds_);
  return {};
}

// Whether owners alone do not tell what belongs to the export.
bool Deletions::must_be_read(fhir::ResourceType type) const {
  return blocks_ || prepared_.filters.limits(type) || prepared_.filters.hides_some(type) ||
         (type == fhir::types::kGroup && request_.is_by_patient());
}

// Whether a Group can belong to the export; without reading it.
bool Deletions::may_be_exported(std::string_view group_id) const {
  if (request_.organize_by == fhir::types::kPatient) return false;
  if (request_.level == ExportLevel::kSystem) return true;
  if (request_.types.empty() && prepared_.patient_set != nullptr) return false;
  return request_.level == ExportLevel::kPatient || group_id == request_.group_id;
}

// What refers to a resource in nobody's compartment is known when everything else was read.
bool Deletions::is_supporting(fhir::ResourceType type, std::string_view owner) const {
  return owner.empty() && fhir::may_be_supporting(type) && takes_supporting(request_);
}

template <class Concerns, class MayHaveCome>
Result<Deletions::Candidates> Deletions::collect(Concerns concerns, const Ended& ended,
                                                 MayHaveCome may_have_come) {
  const bool chooses = chooses_provenance(request_);
  SLUICE_ASSIGN_OR_RETURN(const auto log, store_.changes(window_.after, window_.up_to));
  Candidates candidates;
  store::Change change;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, log->next(change));
    if (!more) return candidates;
    SLUICE_RETURN_IF_ERROR(step_(kChangeBytes));
    if (!request_.wants(change.type) || !concerns(change)) continue;
    if (change.type == fhir::types::kGroup && !may_be_exported(change.id)) continue;
    const bool is_removed = change.kind == store::ChangeKind::kRemove;
    const bool is_chosen = chooses && change.type == fhir::types::kProvenance;
    // Which targets a Provenance had is not remembered: only its deletion is told.
    bool had = false;
    if (!is_chosen || is_removed) {
      SLUICE_ASSIGN_OR_RETURN(had, ended(change));
    }
    const bool may_begin =
        had || (must_be_read(change.type) && (!is_chosen || is_removed)) || may_have_come(change);
    if (candidates.empty() && !may_begin) continue;
    const std::pair key(change.type, std::string(change.id));
    auto found = candidates.find(key);
    if (found == candidates.end()) {
      if (!may_begin) continue;
      found = candidates.emplace(key, Candidate()).first;
    }
    Candidate& candidate = found->second;
    candidate.last = change.sequence;
    candidate.is_removed = is_removed;
    candidate.had = candidate.had || had;
    candidate.owner = change.owner;
    if (is_chosen && !is_removed) candidates.erase(found);
  }
}

// Whether what it is at the end of the window passes the filters; a Group also whether its members
// are the export's.
Result<Answer> Deletions::passes_now(const Entry& entry) {
  const auto& [key, candidate] = entry;
  if (!must_be_read(key.first)) return Answer::kYes;
  SLUICE_ASSIGN_OR_RETURN(const auto record,
                          store_.read_of(candidate.owner, {key.first, key.second}, window_.up_to));
  if (!record) return Answer::kUnknown;
  SLUICE_RETURN_IF_ERROR(step_(record->json.size()));
  bool passes = true;
  if (key.first == fhir::types::kGroup) {
    SLUICE_ASSIGN_OR_RETURN(passes, scope_.covers(*record));
  }
  if (passes && blocks_) {
    SLUICE_ASSIGN_OR_RETURN(passes, blocks_->has_block(key.first, record->json));
  }
  if (passes) {
    SLUICE_ASSIGN_OR_RETURN(passes, prepared_.filters.pass(matcher_, key.first, record->json));
  }
  return passes ? Answer::kYes : Answer::kNo;
}

Result<Answer> Deletions::has_left(const Entry& entry, bool is_referred) {
  const auto& [key, candidate] = entry;
  const fhir::ResourceId id{key.first, key.second};
  const bool by_owner = request_.is_by_patient() && id.type != fhir::types::kGroup;
  bool is_covered = !by_owner;
  if (by_owner && !candidate.is_removed) {
    SLUICE_ASSIGN_OR_RETURN(const auto owners, store_.owners(id, window_.up_to));
    if (!owners) return Answer::kUnknown;
    is_covered = scope_.covers_owner(*owners) || (is_referred && owners->empty());
  }
  // It is the export's neither by the owners that it has nor by those that it had.
  if (!is_covered && !candidate.had) return Answer::kNo;
  if (is_covered && !candidate.is_removed) {
    SLUICE_ASSIGN_OR_RETURN(const Answer passes, passes_now(entry));
    if (passes != Answer::kNo) return passes == Answer::kYes ? Answer::kNo : Answer::kUnknown;
  }
  if (!must_be_read(id.type)) return candidate.had ? Answer::kYes : Answer::kNo;
  SLUICE_ASSIGN_OR_RETURN(const Answer had, former_->had(id, candidate.last, is_referred));
  if (had != Answer::kUnknown) return had;
  // The client's own filters keep nothing from it, so a deletion is told rather than not.
  const bool is_told =
      candidate.is_removed && candidate.had && !prepared_.filters.hides_some(id.type);
  return is_told ? Answer::kYes : Answer::kUnknown;
}

// What was nobody's, came because something refers to it, and went to a patient who is not the
// export's. has_left() by its owners has been told.
Result<Answer> Deletions::has_left_references(const Entry& entry) {
  const auto& [key, candidate] = entry;
  const fhir::ResourceId id{key.first, key.second};
  if (!candidate.is_removed) {
    SLUICE_ASSIGN_OR_RETURN(const auto owners, store_.owners(id, window_.up_to));
    if (!owners) return Answer::kUnknown;
    if (scope_.covers_owner(*owners)) return Answer::kNo;
  }
  SLUICE_ASSIGN_OR_RETURN(const Answer by_owner, has_left(entry, false));
  if (by_owner != Answer::kNo) return Answer::kNo;
  return former_->had(id, candidate.last, true);
}

Result<void> Deletions::write(const Candidates& candidates, const ClosedReferences* referred) {
  BundleLines lines(messages_);
  bool is_incomplete = false;
  for (const auto& entry : candidates) {
    const auto& [key, candidate] = entry;
    const bool is_supporting_now = is_supporting(key.first, candidate.owner);
    const bool is_referred = is_in(referred, key.first, key.second);
    // What is somebody's now is told with the compartments, unless it came by a reference.
    if (referred == nullptr ? is_supporting_now : !is_supporting_now && !is_referred) continue;
    SLUICE_ASSIGN_OR_RETURN(const Answer left, referred == nullptr || is_supporting_now
                                                   ? has_left(entry, is_referred)
                                                   : has_left_references(entry));
    if (left == Answer::kYes) SLUICE_RETURN_IF_ERROR(lines.add(key.first, key.second));
    is_incomplete = is_incomplete || left == Answer::kUnknown;
  }
  SLUICE_RETURN_IF_ERROR(lines.finish());
  if (!is_incomplete && !former_->is_unsure()) return {};
  return write_outcome(
      "Deletions may be missing: what some resources were before they changed is older than what "
      "this server keeps of the past, so that it cannot tell whether they belonged to this export "
      "then.");
}

Result<void> Deletions::write_outcome(std::string_view why) {
  return messages_.append(
      FileKind::kOutcome,
      fhir::operation_outcome("warning", "incomplete",
                              std::string(why) + " An export without _since has what there is."));
}

Result<bool> Deletions::covered_owners(const store::Change& change) {
  if (change.owners.empty()) return false;
  return former_->covers_owners({change.type, std::string(change.id)}, change.owners,
                                change.sequence);
}

// The log of an earlier version of the program does not tell who had what went to another patient.
Result<void> Deletions::tell_of_upgrade() {
  const store::Sequence from = store_.former_owners_from();
  if (!request_.is_by_patient() || from.value == 0) return {};
  SLUICE_ASSIGN_OR_RETURN(
      const auto untold,
      store_.change_count(window_.after, std::min(window_.up_to, {from.value - 1})));
  if (untold == 0 || window_.after.value + 1 >= from.value) return {};
  return write_outcome(
      "Deletions may be missing: what went to another patient before this server's store was "
      "upgraded was not noted.");
}

Result<void> Deletions::write_part(unsigned part, unsigned parts) {
  SLUICE_RETURN_IF_ERROR(begin());
  const Ended ended = [this](const store::Change& change) -> Result<bool> {
    const bool is_removed = change.kind == store::ChangeKind::kRemove;
    if (!request_.is_by_patient()) return is_removed;
    // Whose group it was is told by its versions. If none is kept: with a limit to patients it
    // could tell of others.
    if (change.type == fhir::types::kGroup)
      return is_removed && request_.level == ExportLevel::kPatient &&
             prepared_.patient_set == nullptr;
    return covered_owners(change);
  };
  SLUICE_ASSIGN_OR_RETURN(
      const auto candidates,
      collect([&](const auto& change) { return part_of(change, parts) == part; }, ended,
              [](const auto&) { return false; }));
  SLUICE_RETURN_IF_ERROR(write(candidates, nullptr));
  return part == 0 ? tell_of_upgrade() : Result<void>();
}

Result<void> Deletions::write_supporting(const ClosedReferences& referred) {
  SLUICE_RETURN_IF_ERROR(begin());
  const Ended ended = [&](const store::Change& change) -> Result<bool> {
    if (change.kind == store::ChangeKind::kRemove && change.owners.empty())
      return is_in(&referred, change.type, change.id);
    return covered_owners(change);
  };
  SLUICE_ASSIGN_OR_RETURN(
      const auto candidates,
      collect(
          [&](const auto& change) {
            return fhir::may_be_supporting(change.type) &&
                   (fhir::is_in_patient_compartment(change.type) ||
                    is_in(&referred, change.type, change.id));
          },
          ended, [&](const auto& change) { return is_in(&referred, change.type, change.id); }));
  return write(candidates, &referred);
}

}  // namespace sluice::bulk
