#include "bulk/export/plan/export_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "base/log.h"
#include "bulk/export/plan/access_paths.h"
#include "bulk/export/plan/change_window.h"
#include "bulk/export/plan/distribute.h"
#include "bulk/export/plan/export_costs.h"
#include "bulk/export/plan/provenance_costs.h"
#include "bulk/export/request/export_phases.h"
#include "bulk/group/patient_set_cost.h"
#include "fhir/compartment.h"
#include "fhir/reference_walk.h"

namespace sluice::bulk {
namespace {

// What a seek or a change counts as in a shard's weight, in bytes.
constexpr std::uint64_t kChangeWeight =
    static_cast<std::uint64_t>(cost::kChange / cost::kWriteByte);

// What reading a change without its resource counts as.
constexpr std::uint64_t kLoggedWeight = 64;

// So many changes are worth a shard of their own.
constexpr std::uint64_t kChangesOfPart = 200;

struct TypeToRead {
  store::KeyRange range;
  std::uint64_t size = 0;  ///< bytes, about
  ReadMode mode = ReadMode::kScan;
  std::uint64_t weight = 1;
  std::string why = {};
};

/// Whether a Provenance has a target that could be there as a supporting resource as of a sequence.
Result<bool> has_supporting_target(fhir::ReferenceWalk& walk, std::string_view json,
                                   const store::Store& store, store::Sequence as_of) {
  SLUICE_ASSIGN_OR_RETURN(const auto head, walk.provenance(json));
  for (const auto& target : head.targets) {
    if (!fhir::may_be_supporting(target.type)) continue;
    if (!fhir::is_in_patient_compartment(target.type)) return true;
    SLUICE_ASSIGN_OR_RETURN(const auto owners, store.owners(target, as_of));
    if (owners && owners->empty()) return true;
  }
  return false;
}

class Planner {
 public:
  Planner(const store::Store& store, const PreparedExport& prepared, const ExportSizes& sizes)
      : store_(store),
        request_(prepared.request),
        snapshot_(prepared.snapshot),
        patient_set_(prepared.patient_set.get()),
        filters_(prepared.filters),
        sizes_(sizes) {}

  Result<std::vector<job::ShardPlan>> plan() {
    SLUICE_RETURN_IF_ERROR(plan_resources());
    // Little as they are, they come last: each ends with a wait for the disk.
    if (request_.since && !(request_.tables && request_.tables->alone))
      SLUICE_RETURN_IF_ERROR(add_deletions());
    if (!request_.skipped.empty()) add_outcome();
    return std::move(shards_);
  }

  Result<std::vector<job::ShardPlan>> plan_provenance(const std::set<fhir::ResourceType>& walked) {
    const auto whole = store::whole_type(fhir::types::kProvenance);
    SLUICE_ASSIGN_OR_RETURN(const std::uint64_t size, store_.approximate_size(whole));
    SLUICE_RETURN_IF_ERROR(look_at_store());
    if (std::none_of(statistics_.begin(), statistics_.end(),
                     [&](const auto& each) { return each.type == whole.type; }))
      return std::move(shards_);
    // What joined later is wanted whatever its age, and the Provenance of what is returned too.
    if (request_.since && !request_.associated_provenance && new_members() == 0) {
      SLUICE_RETURN_IF_ERROR(find_types());
      std::uint64_t count = 0;
      SLUICE_ASSIGN_OR_RETURN(const bool by_changes, are_changes_cheaper(count));
      if (by_changes) {
        add_shard({ReadMode::kProvenanceChanges, {}}, count * kLoggedWeight);
        return std::move(shards_);
      }
    }
    std::string why;
    if (patient_set_ != nullptr) {
      const auto costs = provenance_costs(request_, patient_set_cost_, statistics_, size, walked);
      why = costs.log_and_tell();
      if (costs.by_scope < costs.by_all) {
        Segment segment{ReadMode::kProvenanceOfScope, {}};
        segment.why = why;
        add_shard(std::move(segment), weight_of(costs.by_scope));
        return std::move(shards_);
      }
    }
    const std::uint64_t target =
        request_.file_size_min
            ? size + 1
            : std::clamp(size / (sizes_.workers * 4), sizes_.shard_size_min, sizes_.shard_size);
    SLUICE_ASSIGN_OR_RETURN(const auto parts,
                            store_.split(whole, std::max<std::uint64_t>(1, target)));
    for (const auto& part : parts) {
      Segment segment{ReadMode::kProvenance, part};
      segment.why = why;
      add_shard(std::move(segment), size / parts.size());
    }
    return std::move(shards_);
  }

 private:
  Result<void> plan_resources() {
    SLUICE_RETURN_IF_ERROR(look_at_store());
    SLUICE_RETURN_IF_ERROR(find_types());
    if (by_patient()) return cut_by_owner();
    SLUICE_ASSIGN_OR_RETURN(const bool by_changes, choose_changes());
    if (by_changes) return {};
    choose_modes();
    SLUICE_RETURN_IF_ERROR(choose_provenance());
    return cut();
  }

  void add_shard(const ShardSpec& spec, std::uint64_t weight) {
    shards_.push_back({serialize(spec), std::max<std::uint64_t>(1, weight)});
  }
  void add_shard(Segment segment, std::uint64_t weight) {
    ShardSpec spec;
    spec.segments.push_back(std::move(segment));
    add_shard(spec, weight);
  }

  void add_outcome() { add_shard({ReadMode::kOutcome, {}}, 1); }

  Result<void> add_deletions() {
    SLUICE_ASSIGN_OR_RETURN(const auto window, change_window(store_, request_, snapshot_));
    SLUICE_ASSIGN_OR_RETURN(const std::uint64_t count,
                            store_.change_count(window.after, window.up_to));
    if (count == 0) return {};
    // What filters have to be asked about is read.
    const bool reads = filters_.limits_any() || request_.sorts_blocks();
    const unsigned parts = deletion_parts(count, reads);
    const std::uint64_t weight = reads ? count * kChangeWeight / parts : count * kLoggedWeight;
    for (unsigned part = 0; part < parts; ++part)
      add_shard({ReadMode::kDeleted, {}, part, parts}, weight);
    return {};
  }

  // What all plans reckon with; once for each.
  Result<void> look_at_store() {
    SLUICE_ASSIGN_OR_RETURN(statistics_, store_.statistics());
    for (const auto& type : statistics_)
      if (type.type == fhir::types::kPatient) patients_ = type.resources;
    SLUICE_ASSIGN_OR_RETURN(patient_set_cost_,
                            patient_set_cost(store_, patient_set_, patients_, snapshot_.sequence));
    return {};
  }

  // The types to read in the first phase, with their ranges and sizes.
  Result<void> find_types() {
    for (const auto& type : statistics_) {
      if (!request_.wants(type.type)) continue;
      if (type.type == fhir::types::kProvenance && chooses_provenance(request_)) continue;
      TypeToRead read;
      if (by_patient()) {
        // A block holds its patient's compartment; nothing else refers to a patient but patient
        // sets, which tell of others too.
        if (!fhir::is_in_patient_compartment(type.type) || type.type == fhir::types::kGroup)
          continue;
        read.range = store::with_owner(type.type);
      } else if (request_.level == ExportLevel::kSystem) {
        read.range = store::whole_type(type.type);
      } else if (type.type == fhir::types::kGroup) {
        if (!takes_groups()) continue;
        read.range = store::whole_type(type.type);
        read.mode = ReadMode::kGroups;
      } else if (fhir::is_in_patient_compartment(type.type)) {
        read.range = store::with_owner(type.type);
      } else {
        continue;
      }
      SLUICE_ASSIGN_OR_RETURN(read.size, store_.approximate_size(read.range));
      total_size_ += read.size;
      types_.push_back(std::move(read));
    }
    return {};
  }

  bool by_patient() const { return request_.organize_by == fhir::types::kPatient; }

  // A patient set of other people comes along with a Group resource, so that it needs a request
  // without limits or by name (G-05).
  bool takes_groups() const {
    if (!request_.types.empty()) return request_.wants(fhir::types::kGroup);
    return request_.level == ExportLevel::kPatient && patient_set_ == nullptr;
  }

  // `_since` with few changes reads the change log (P-02: the cost grows with what changed).
  Result<bool> choose_changes() {
    if (!request_.since) return false;
    std::uint64_t count = 0;
    SLUICE_ASSIGN_OR_RETURN(const bool by_changes, are_changes_cheaper(count));
    if (by_changes && count > 0) {
      // Each part reads the whole log, which is little beside the resources. With a minimal file
      // size a type is one chain.
      const auto parts = request_.file_size_min
                             ? 1
                             : std::clamp<std::uint64_t>(count / kChangesOfPart, 1, sizes_.workers);
      for (unsigned part = 0; part < parts; ++part) {
        Segment segment{ReadMode::kChanges, {}, part, static_cast<unsigned>(parts)};
        segment.why = changes_why_;
        add_shard(std::move(segment), count * kChangeWeight / parts);
      }
    }
    if (by_changes && new_members() > 0) add_new_members();
    return by_changes;
  }

  Result<bool> are_changes_cheaper(std::uint64_t& count) {
    SLUICE_ASSIGN_OR_RETURN(const auto since, store_.commit_at(*request_.since));
    SLUICE_ASSIGN_OR_RETURN(count, store_.change_count(std::min(since.sequence, snapshot_.sequence),
                                                       snapshot_.sequence));
    // Either way the resources of new members are written, so only finding them counts.
    const double new_cost = new_members() * static_cast<double>(types_.size()) * cost::kSeek;
    const double change_cost = static_cast<double>(count) * cost::kChange + new_cost;
    const double scan_cost = reading_cost();
    bool by_changes = change_cost < scan_cost;
    bool supporting_changed = false;
    if (by_changes && takes_supporting(request_)) {
      SLUICE_ASSIGN_OR_RETURN(supporting_changed, may_need_supporting(since.sequence));
      by_changes = !supporting_changed;
    }
    spdlog::info(
        "export plan by={} changes={} new_members={} change_cost_s={:.4f} scan_cost_s={:.4f} "
        "supporting_changed={}",
        by_changes ? "changes" : "scan", count, new_members(), change_cost, scan_cost,
        supporting_changed);
    changes_why_ = fmt::format("change log {:.4f} s for {} changes instead of reading {:.4f} s{}",
                               change_cost, count, scan_cost,
                               supporting_changed ? ", but supporting resources changed" : "");
    return by_changes;
  }

  // Whether a changed Practitioner belongs to the export depends on who refers to it, and they may
  // be unchanged: only reading them all can tell. So for a Provenance of one.
  Result<bool> may_need_supporting(store::Sequence since) const {
    fhir::ReferenceWalk walk(request_.base_url);
    SLUICE_ASSIGN_OR_RETURN(const auto changes, store_.changes(since, snapshot_.sequence));
    store::Change change;
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, changes->next(change));
      if (!more) return false;
      if (!request_.wants(change.type)) continue;
      if (fhir::may_be_supporting(change.type)) {
        // A Device with a patient is read with the patient's compartment. It may have come as
        // nobody's before, and has to be told of when the patient is not the export's.
        if (change.owner.empty()) return true;
        SLUICE_ASSIGN_OR_RETURN(const auto owners,
                                store_.owners({change.type, std::string(change.id)}, since));
        if (owners && owners->empty()) return true;
      }
      if (change.type != fhir::types::kProvenance || !chooses_provenance(request_)) continue;
      SLUICE_ASSIGN_OR_RETURN(const auto record, store_.read({change.type, std::string(change.id)},
                                                             snapshot_.sequence));
      if (!record) continue;
      SLUICE_ASSIGN_OR_RETURN(
          const bool found, has_supporting_target(walk, record->json, store_, snapshot_.sequence));
      if (found) return true;
    }
  }

  double new_members() const {
    return patient_set_ == nullptr ? 0 : static_cast<double>(patient_set_->new_count());
  }

  // What finding the records takes without the change log, by the cheapest way for each type.
  double reading_cost() const {
    double cost = 0;
    for (const auto& type : types_) cost += cheapest(ways(type)).finding;
    return cost;
  }

  std::vector<Way> ways(const TypeToRead& type) const {
    if (type.mode == ReadMode::kGroups) return {way_to_scan(type.mode, type.size)};
    return access_paths(type.range.type, type.size,
                        patient_set_ == nullptr ? nullptr : &patient_set_cost_, patients_,
                        filters_);
  }

  void add_new_members() {
    const double share =
        patients_ == 0 ? 1 : std::min(1.0, new_members() / static_cast<double>(patients_));
    for (const auto& type : types_) {
      if (type.mode == ReadMode::kGroups) continue;
      const double cost =
          new_members() * cost::kSeek + static_cast<double>(type.size) * share * cost::kWriteByte;
      add_shard({ReadMode::kNewMembers, type.range}, weight_of(cost));
    }
  }

  void choose_modes() {
    std::map<ReadMode, std::size_t> counts;
    double estimate = 0;
    for (auto& type : types_) {
      const auto all = ways(type);
      const Way& best = cheapest(all);
      if (type.mode == ReadMode::kGroups) {
        type.weight = std::max<std::uint64_t>(1, type.size);
      } else {
        type.mode = best.mode;
        type.weight = std::max<std::uint64_t>(1, weight_of(best.cost()));
      }
      estimate += static_cast<double>(type.weight) * cost::kWriteByte;
      ++counts[type.mode];
      for (const auto& way : all)
        type.why += fmt::format("{}{} {:.4f} s", type.why.empty() ? "" : ", ", name_of(way.mode),
                                way.finding);
      if (!changes_why_.empty()) type.why += ", " + changes_why_;
    }
    spdlog::info(
        "export plan types={} patient_set={} share={:.4f} scan={} seek={} by_id={} "
        "by_filter_patients={} "
        "estimate_s={:.4f}",
        types_.size(), patient_set_ == nullptr ? 0 : patient_set_->size(), patient_set_cost_.share,
        counts[ReadMode::kScan], counts[ReadMode::kSeek], counts[ReadMode::kFilteredIds],
        counts[ReadMode::kFilteredPatients], estimate);
  }

  // P-08: what is sought anyway is asked for its Provenances on the way, when asking is the cheaper
  // way to find them all.
  Result<void> choose_provenance() {
    if (patient_set_ == nullptr || !chooses_provenance(request_)) return {};
    SLUICE_ASSIGN_OR_RETURN(const std::uint64_t size,
                            store_.approximate_size(store::whole_type(fhir::types::kProvenance)));
    std::set<fhir::ResourceType> sought;
    for (const auto& type : types_)
      if (type.mode == ReadMode::kSeek) sought.insert(type.range.type);
    const auto costs = provenance_costs(request_, patient_set_cost_, statistics_, size, sought);
    finds_provenances_ = costs.by_scope < costs.by_all;
    return {};
  }

  // P-09: every shard reads all types of some owners. The largest type says who they are.
  Result<void> cut_by_owner() {
    if (types_.empty()) return {};
    const std::uint64_t target =
        std::clamp(total_size_ / (sizes_.workers * 4), sizes_.shard_size_min, sizes_.shard_size);
    const auto largest = std::max_element(
        types_.begin(), types_.end(), [](const auto& a, const auto& b) { return a.size < b.size; });
    // With a minimal file size only the last file may be smaller.
    const std::uint64_t parts = request_.file_size_min ? 1 : total_size_ / target + 1;
    SLUICE_ASSIGN_OR_RETURN(
        const auto cuts,
        store_.split(largest->range, std::max<std::uint64_t>(1, largest->size / parts)));
    std::vector<std::string> owners;
    for (std::size_t i = 1; parts > 1 && i < cuts.size(); ++i) {
      SLUICE_ASSIGN_OR_RETURN(const auto scan, store_.scan(cuts[i], snapshot_.sequence));
      store::RecordView record;
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
      if (more && (owners.empty() || record.owner > owners.back()))
        owners.emplace_back(record.owner);
    }
    for (std::size_t i = 0; i <= owners.size(); ++i) {
      ShardSpec spec;
      std::uint64_t weight = 0;
      for (const auto& type : types_) {
        store::KeyRange range = type.range;
        if (i > 0) range.from = store::of_owner(range.type, owners[i - 1]).from;
        if (i < owners.size()) range.to = store::of_owner(range.type, owners[i]).from;
        SLUICE_ASSIGN_OR_RETURN(const std::uint64_t size, store_.approximate_size(range));
        weight += size;
        spec.segments.push_back({ReadMode::kByOwner, std::move(range)});
      }
      add_shard(spec, weight);
    }
    return {};
  }

  // Large types become several shards, small ones share some.
  Result<void> cut() {
    std::uint64_t total = 0;
    for (const auto& type : types_) total += type.weight;
    const std::uint64_t target =
        std::clamp(total / (sizes_.workers * 4), sizes_.shard_size_min, sizes_.shard_size);
    std::vector<const TypeToRead*> small;
    for (const auto& type : types_) {
      // With a minimal file size only the last file of a type may be smaller, so a type is one
      // chain.
      const bool whole = request_.file_size_min || type.mode != ReadMode::kScan ||
                         type.weight < target + target / 2;
      if (whole) {
        small.push_back(&type);
        continue;
      }
      // The weight can be more than what is read; parts are cut by what is read.
      const double scale = static_cast<double>(type.size) / static_cast<double>(type.weight);
      SLUICE_ASSIGN_OR_RETURN(
          auto parts,
          store_.split(type.range,
                       std::max<std::uint64_t>(
                           1, static_cast<std::uint64_t>(static_cast<double>(target) * scale))));
      for (auto& part : parts)
        add_shard(segment_of(type, std::move(part)), type.weight / parts.size());
    }
    share_shards(small, target);
    return {};
  }

  Segment segment_of(const TypeToRead& type, store::KeyRange range) const {
    Segment segment{type.mode, std::move(range)};
    segment.finds_provenances = finds_provenances_ && type.mode == ReadMode::kSeek &&
                                is_in_scope_of_provenance(request_, type.range.type);
    segment.why = type.why;
    return segment;
  }

  // Whole types in shards of about the same weight, as many for each worker, for few shards are
  // over when the last one is.
  void share_shards(const std::vector<const TypeToRead*>& types, std::uint64_t target) {
    if (types.empty()) return;
    std::vector<std::uint64_t> weights;
    weights.reserve(types.size());
    for (const auto* type : types) weights.push_back(type->weight);
    const auto total = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
    // A shard ends with waits for the disk: as many as there are workers will do for little.
    std::uint64_t count = total / (2 * target) / sizes_.workers * sizes_.workers;
    if (count == 0) count = total > target ? sizes_.workers : 1;
    for (const auto& share : distribute(weights, count)) {
      ShardSpec spec;
      std::uint64_t weight = 0;
      for (const std::size_t i : share) {
        spec.segments.push_back(segment_of(*types[i], types[i]->range));
        weight += weights[i];
      }
      add_shard(spec, weight);
    }
  }

  const store::Store& store_;
  const ExportRequest& request_;
  const store::Commit& snapshot_;
  const PatientSet* patient_set_;
  const ExportFilters& filters_;
  const ExportSizes& sizes_;
  std::vector<TypeToRead> types_;
  std::uint64_t total_size_ = 0;
  std::vector<store::TypeStatistics> statistics_;
  std::uint64_t patients_ = 0;
  PatientSetCost patient_set_cost_;
  std::string changes_why_;         // what was weighed for `_since`
  bool finds_provenances_ = false;  // seeks look for Provenances on the way
  std::vector<job::ShardPlan> shards_;
};

}  // namespace

Result<std::vector<job::ShardPlan>> plan_export(const store::Store& store,
                                                const PreparedExport& prepared,
                                                const ExportSizes& sizes) {
  return Planner(store, prepared, sizes).plan();
}

Result<std::vector<job::ShardPlan>> plan_provenance(const store::Store& store,
                                                    const PreparedExport& prepared,
                                                    const ExportSizes& sizes,
                                                    const std::set<fhir::ResourceType>& walked) {
  return Planner(store, prepared, sizes).plan_provenance(walked);
}

}  // namespace sluice::bulk
