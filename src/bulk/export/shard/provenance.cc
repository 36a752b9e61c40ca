#include "bulk/export/shard/provenance.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/sort_unique.h"
#include "bulk/export/request/export_phases.h"
#include "bulk/export/shard/internal_lines.h"
#include "fhir/compartment.h"

namespace sluice::bulk {
namespace {

constexpr std::size_t kKnownMax = 4096;
constexpr char kTab = '\t';

char to_digit(AgeRule rule) {
  return static_cast<char>('0' + static_cast<int>(rule));
}

std::optional<AgeRule> to_rule(std::string_view digit) {
  if (digit.size() != 1 || digit[0] < '0' || digit[0] > to_digit(AgeRule::kOwn))
    return std::nullopt;
  return static_cast<AgeRule>(digit[0] - '0');
}

// Text that sorts the later instant first.
std::string newest_first(Instant instant) {
  const auto offset = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) -
                      static_cast<std::uint64_t>(instant.milliseconds);
  return fmt::format("{:016x}", offset);
}

/// Seeks each patient of the patient set and asks for the Provenances of what there is.
class ScopeWalk {
 public:
  ScopeWalk(const store::Store& store, const PreparedExport& prepared,
            const std::function<Result<void>(std::uint64_t)>& step)
      : store_(store),
        prepared_(prepared),
        finder_(store.provenance_finder(prepared.snapshot.sequence)),
        step_(step) {}

  Result<void> patients_of(fhir::ResourceType type) {
    SLUICE_ASSIGN_OR_RETURN(const auto scan,
                            store_.scan(store::with_owner(type), prepared_.snapshot.sequence));
    const PatientSet& patient_set = *prepared_.patient_set;
    store::RecordView record;
    for (std::size_t i = 0; i < patient_set.size();) {
      scan->seek_owner(patient_set[i]);
      SLUICE_RETURN_IF_ERROR(step_(1));
      while (true) {
        SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
        if (!more) return {};
        if (record.owner != patient_set[i]) break;
        SLUICE_RETURN_IF_ERROR(step_(record.json.size()));
        // Without being asked, those in the compartments themselves come too.
        if (type == fhir::types::kProvenance) ids_.emplace_back(record.id);
        SLUICE_RETURN_IF_ERROR(finder_->find(type, record.id, ids_));
      }
      // The record that ended this patient tells how far there is nothing.
      i = std::max(i + 1, patient_set.lower_bound(record.owner));
    }
    return {};
  }

  Result<void> groups() {
    if (prepared_.request.level == ExportLevel::kGroup)
      return finder_->find(fhir::types::kGroup, prepared_.request.group_id, ids_);
    // With a list of patients only groups that are asked for by name are there.
    if (prepared_.request.types.empty() || !prepared_.request.wants(fhir::types::kGroup)) return {};
    SLUICE_ASSIGN_OR_RETURN(const auto scan, store_.scan(store::whole_type(fhir::types::kGroup),
                                                         prepared_.snapshot.sequence));
    store::RecordView record;
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
      if (!more) return {};
      SLUICE_RETURN_IF_ERROR(step_(record.json.size()));
      SLUICE_RETURN_IF_ERROR(finder_->find(fhir::types::kGroup, record.id, ids_));
    }
  }

  Result<void> supporting(const ReferencesByType& referred) {
    for (const auto& [type, ids] : referred) {
      for (const auto& id : ids) {
        SLUICE_RETURN_IF_ERROR(step_(1));
        SLUICE_RETURN_IF_ERROR(finder_->find(type, id, ids_));
      }
    }
    return {};
  }

  Result<void> found_before(output::FileStore& files, std::string_view job_id,
                            const FoundProvenances& found) {
    for (const auto& lines : found.lines)
      SLUICE_RETURN_IF_ERROR(
          each_line(files, job_id, lines, [this](std::string_view id) -> Result<void> {
            ids_.emplace_back(id);
            return {};
          }));
    return {};
  }

  std::vector<std::string> take_ids() {
    sort_unique(ids_);
    return std::move(ids_);
  }

 private:
  const store::Store& store_;
  const PreparedExport& prepared_;
  const std::unique_ptr<store::ProvenanceFinder> finder_;
  const std::function<Result<void>(std::uint64_t)>& step_;
  std::vector<std::string> ids_;
};

}  // namespace

Result<InternalLines> ProvenanceCollector::keep(output::FileStore& files, std::string_view job_id,
                                                std::string_view stem) {
  sort_unique(ids_);
  InternalLinesWriter writer(files, job_id,
                             fmt::format("{}provenances-{}", output::kInternalFilePrefix, stem));
  for (const auto& id : ids_) SLUICE_RETURN_IF_ERROR(writer.add(id));
  return writer.finish();
}

Result<std::vector<std::string>> provenances_in_scope(
    const store::Store& store, output::FileStore& files, std::string_view job_id,
    const PreparedExport& prepared, const ClosedReferences& referred, const FoundProvenances& found,
    const std::function<Result<void>(std::uint64_t)>& step) {
  ScopeWalk walk(store, prepared, step);
  SLUICE_RETURN_IF_ERROR(walk.found_before(files, job_id, found));
  SLUICE_ASSIGN_OR_RETURN(const auto statistics, store.statistics());
  for (const auto& type : statistics)
    if (is_in_scope_of_provenance(prepared.request, type.type) && !found.of.contains(type.type))
      SLUICE_RETURN_IF_ERROR(walk.patients_of(type.type));
  SLUICE_RETURN_IF_ERROR(walk.groups());
  SLUICE_RETURN_IF_ERROR(walk.supporting(referred.all));
  return walk.take_ids();
}

ProvenanceSelector::ProvenanceSelector(const store::Store& store, const PreparedExport& prepared,
                                       const ClosedReferences* referred,
                                       const query::Bounds& bounds)
    : store_(store),
      prepared_(prepared),
      request_(prepared.request),
      referred_(referred),
      scope_(prepared),
      walk_(prepared.request.base_url),
      matcher_([check = query::BoundsCheck(bounds)] { return check.look(); }) {}

Result<ProvenanceSelector::Target> ProvenanceSelector::look_at(const fhir::ResourceId& target) {
  const std::string key = fmt::format("{}/{}", target.type.code, target.id);
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  SLUICE_ASSIGN_OR_RETURN(const Target looked, read(target));
  if (known_.size() >= kKnownMax) known_.clear();
  known_.emplace(key, looked);
  return looked;
}

Result<ProvenanceSelector::Target> ProvenanceSelector::read(const fhir::ResourceId& target) {
  // Without being asked, all Provenance of the compartments comes, whatever `_type` and
  // `_typeFilter` leave of its targets; when asked, that of what is returned.
  const bool asked = request_.associated_provenance.has_value();
  if (asked && (target.type == fhir::types::kProvenance || !request_.wants(target.type)))
    return Target();
  bool by_reference = false;
  if (referred_ != nullptr && fhir::may_be_supporting(target.type)) {
    const auto ids = referred_->all.find(target.type);
    by_reference = ids != referred_->all.end() && ids->second.contains(target.id);
    // A Device may be there for its patient instead.
    if (!by_reference && !fhir::is_in_patient_compartment(target.type)) return Target();
  }
  if (!asked && !by_reference && target.type != fhir::types::kGroup) {
    SLUICE_ASSIGN_OR_RETURN(const auto owners, store_.owners(target, prepared_.snapshot.sequence));
    if (!owners || !scope_.covers_owner(*owners)) return Target();
    return Target(age_rule(scope_.is_of_new_member(*owners)));
  }
  SLUICE_ASSIGN_OR_RETURN(const auto record, store_.read(target, prepared_.snapshot.sequence));
  if (!record) return Target();
  if (!by_reference) {
    SLUICE_ASSIGN_OR_RETURN(const bool covered, scope_.covers(*record));
    if (!covered) return Target();
  }
  bool of_new_member = scope_.is_of_new_member(record->owners);
  if (by_reference) {
    const auto ids = referred_->of_new_members.find(target.type);
    of_new_member = ids != referred_->of_new_members.end() && ids->second.contains(target.id);
  }
  if (!asked) return Target(age_rule(of_new_member));
  if (request_.until && record->last_updated >= *request_.until) return Target();
  SLUICE_ASSIGN_OR_RETURN(const bool passes,
                          prepared_.filters.pass(matcher_, target.type, record->json));
  if (!passes) return Target();
  if (of_new_member || !scope_.in_time(record->last_updated, false))
    return Target(age_rule(of_new_member));
  return Target(request_.since ? AgeRule::kWhatever : AgeRule::kOwn);
}

Result<std::optional<AgeRule>> ProvenanceSelector::choose(std::string_view owners,
                                                          std::string_view json) {
  // Nothing that a target could add to it.
  const bool may_be_new =
      prepared_.patient_set != nullptr && prepared_.patient_set->new_count() > 0;
  const AgeRule widest = may_be_new                                         ? AgeRule::kOfNewMember
                         : request_.associated_provenance && request_.since ? AgeRule::kWhatever
                                                                            : AgeRule::kOwn;
  std::optional<AgeRule> rule;
  if (!request_.associated_provenance && scope_.covers_owner(owners))
    rule = age_rule(scope_.is_of_new_member(owners));
  if (rule == widest) return rule;
  SLUICE_ASSIGN_OR_RETURN(const auto head, walk_.provenance(json));
  for (const auto& id : head.targets) {
    SLUICE_ASSIGN_OR_RETURN(const Target target, look_at(id));
    if (target && (!rule || *target < *rule)) rule = target;
    if (rule == widest) break;
  }
  return rule;
}

Result<void> ProvenanceSelector::add_candidates(Instant last_updated, std::string_view provenance,
                                                std::string_view json, RunWriter& runs) {
  SLUICE_ASSIGN_OR_RETURN(const auto head, walk_.provenance(json));
  for (const auto& id : head.targets) {
    SLUICE_ASSIGN_OR_RETURN(const Target target, look_at(id));
    if (!target) continue;
    const std::string key = fmt::format("{}/{}", fhir::type_name(id.type), id.id);
    SLUICE_RETURN_IF_ERROR(runs.add(
        run_part(key),
        fmt::format("{}{}{}{}{}{}{}{}{}", key, kTab, newest_first(head.recorded), kTab,
                    newest_first(last_updated), kTab, provenance, kTab, to_digit(*target))));
  }
  return {};
}

std::optional<Candidate> parse_candidate(std::string_view line) {
  std::array<std::string_view, 5> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t end = line.find(kTab);
    if ((end == std::string_view::npos) != (i + 1 == fields.size())) return std::nullopt;
    fields[i] = line.substr(0, end);
    line.remove_prefix(std::min(line.size(), end == std::string_view::npos ? end : end + 1));
  }
  const auto rule = to_rule(fields[4]);
  if (!rule) return std::nullopt;
  return Candidate{fields[0], fields[3], *rule};
}

std::string chosen_line(const Candidate& candidate) {
  return fmt::format("{}{}{}", candidate.id, kTab, to_digit(candidate.rule));
}

std::optional<Chosen> parse_chosen(std::string_view line) {
  const std::size_t tab = line.find(kTab);
  if (tab == std::string_view::npos) return std::nullopt;
  const auto rule = to_rule(line.substr(tab + 1));
  if (!rule) return std::nullopt;
  return Chosen{line.substr(0, tab), *rule};
}

}  // namespace sluice::bulk
