#include "bulk/group/cohort.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/sort_unique.h"
#include "bulk/group/patient_set.h"
#include "fhir/group_members.h"
#include "query/scoped_store.h"
#include "query/store_resolver.h"
#include "search/compartment.h"
#include "search/matcher.h"
#include "search/reference_reader.h"
#include "search/resource_filter.h"

namespace sluice::bulk {
namespace {

constexpr std::uint64_t kPartSize = 32u << 20;
constexpr std::uint64_t kStepBytes = 1u << 20;
constexpr std::size_t kExistBatch = 10'000;
// A base population of more is intersected with what a scan finds. Each part of a job is a write.
constexpr std::size_t kFewPatients = 50;
constexpr std::uint64_t kSeekBytes = 64u << 10;  // what can be scanned while one patient is sought

SubjectIds intersect(const SubjectIds& a, const SubjectIds& b) {
  SubjectIds both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

/// The store as the filters of a cohort may see it.
class Seen {
 public:
  Seen(const store::Store& all, const search::Cohort& cohort) : all_(all) {
    if (cohort.limits.empty()) return;
    limited_.emplace(all, [&cohort](fhir::ResourceType type) -> Result<query::Rights> {
      const auto limit = cohort.limits.find(type);
      if (limit == cohort.limits.end()) return query::Rights{.read = search::ResourceFilter()};
      SLUICE_ASSIGN_OR_RETURN(auto filter, search::ResourceFilter::compile(
                                               type, limit->second, {.base_url = cohort.base_url}));
      return query::Rights{.read = std::move(filter)};
    });
  }
  const store::Store& store() const { return limited_ ? *limited_ : all_; }

 private:
  const store::Store& all_;
  std::optional<query::ScopedStore> limited_;
};

// Those that resources name may not be there.
Result<SubjectIds> those_that_exist(const store::Store& store, fhir::ResourceType type,
                                    SubjectIds ids, store::Sequence as_of) {
  SubjectIds there;
  for (std::size_t begin = 0; begin < ids.size(); begin += kExistBatch) {
    const auto first = ids.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last =
        ids.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kExistBatch, ids.size()));
    const std::vector<std::string> batch(first, last);
    SLUICE_ASSIGN_OR_RETURN(const auto exist, store.exist(type, batch, as_of));
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (exist[i]) there.push_back(batch[i]);
  }
  return there;
}

Result<SubjectIds> base_population(const store::Store& store, const search::Cohort& cohort,
                                   std::string_view group_json, const store::Commit& as_of,
                                   const std::string& base_url, const CohortPath& path) {
  SLUICE_ASSIGN_OR_RETURN(
      auto members, fhir::read_group_members(group_json, as_of.instant, base_url, cohort.subject));
  SubjectIds base = std::move(members.subjects);
  if (!members.groups.empty() && cohort.subject != fhir::types::kPatient)
    return Error{ErrorKind::kUnprocessable,
                 "the members of a cohort that is not of persons cannot be Groups"};
  const Seen seen(store, cohort);
  for (const auto& group : members.groups) {
    // Whom a group holds is as that group has it; whether it is there, as the cohort may see it.
    SLUICE_ASSIGN_OR_RETURN(const auto found,
                            seen.store().read({fhir::types::kGroup, group}, as_of.sequence));
    if (!found)
      return Error{ErrorKind::kUnprocessable,
                   fmt::format("Group.member names Group/{}, which is not there", group)};
    SLUICE_ASSIGN_OR_RETURN(const auto patient_set,
                            read_members(store, group, as_of, base_url, path));
    for (std::size_t i = 0; i < patient_set.size(); ++i) base.emplace_back(patient_set[i]);
  }
  sort_unique(base);
  return base;
}

// The base population when it is of few patients; an error in it comes to light when the members
// are chosen.
std::optional<SubjectIds> few_patients(const store::Store& store, const search::Cohort& cohort,
                                       std::string_view group_json, const store::Commit& as_of,
                                       const std::string& base_url, const CohortPath& path) {
  if (!cohort.has_members || cohort.subject != fhir::types::kPatient) return std::nullopt;
  auto base = base_population(store, cohort, group_json, as_of, base_url, path);
  if (!base || base->size() > kFewPatients) return std::nullopt;
  return std::move(*base);
}

/// How a resource of a type tells for which subjects it speaks.
enum class Found : std::uint8_t {
  kItself,
  kByOwner,      ///< the store knows in whose compartments it is
  kByReference,  ///< what it refers to by the parameters of the compartment
};
Found how_found(fhir::ResourceType subject, fhir::ResourceType type) {
  if (type == subject) return Found::kItself;
  return search::compartment_parameters(subject, type).empty() ? Found::kByOwner
                                                               : Found::kByReference;
}

/// Tells for which subjects the resources of a type speak.
class Speaker {
 public:
  Speaker(const search::Cohort& cohort, fhir::ResourceType type)
      : subject_(cohort.subject), how_(how_found(cohort.subject, type)) {
    if (how_ == Found::kByReference)
      references_.emplace(type, search::compartment_parameters(subject_, type), cohort.base_url);
  }

  Result<void> append(const store::RecordView& record, SubjectIds& ids) {
    // Resources are ordered by owner: mostly the subject is that of the previous resource.
    const auto add = [&](std::string_view id) {
      if (ids.empty() || ids.back() != id) ids.emplace_back(id);
    };
    if (how_ == Found::kItself) {
      add(record.id);
    } else if (how_ == Found::kByOwner) {
      store::OwnerList owners(record.owners);
      while (const auto owner = owners.next()) add(*owner);
    } else {
      return references_->read(record.json,
                               [&](fhir::ResourceType type, std::string_view id) -> Result<void> {
                                 if (type == subject_) add(id);
                                 return {};
                               });
    }
    return {};
  }

 private:
  const fhir::ResourceType subject_;
  const Found how_;
  std::optional<search::ReferenceReader> references_;
};

/// Does parts on several threads; the first error stops all.
class ParallelScan {
 public:
  ParallelScan(const store::Store& store, const search::Cohort& cohort, store::Sequence as_of)
      : store_(store), cohort_(cohort), as_of_(as_of), found_(cohort.filters.size()) {}

  Result<std::vector<SubjectIds>> run(const std::vector<CohortPart>& parts) {
    const std::size_t threads =
        std::min<std::size_t>(parts.size(), std::max(1u, std::thread::hardware_concurrency()));
    {
      std::vector<std::jthread> workers;
      for (std::size_t i = 0; i < threads; ++i) workers.emplace_back([&] { work(parts); });
    }
    if (error_) return std::move(*error_);
    for (auto& ids : found_) sort_unique(ids);
    return std::move(found_);
  }

 private:
  void work(const std::vector<CohortPart>& parts) {
    for (std::size_t i = next_++; i < parts.size() && !failed_; i = next_++) {
      auto ids = matching_subjects(store_, cohort_, parts[i], as_of_,
                                   [](std::uint64_t) { return Result<void>(); });
      const std::lock_guard lock(mutex_);
      if (!ids) {
        failed_ = true;
        error_ = std::move(ids).error();
        return;
      }
      auto& all = found_[parts[i].filter];
      all.insert(all.end(), std::make_move_iterator(ids->begin()),
                 std::make_move_iterator(ids->end()));
    }
  }

  const store::Store& store_;
  const search::Cohort& cohort_;
  const store::Sequence as_of_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::vector<SubjectIds> found_;  // guarded by mutex_, by filter
  std::optional<Error> error_;     // guarded by mutex_
};

}  // namespace

Result<std::vector<CohortPart>> cohort_parts(const store::Store& store,
                                             const search::Cohort& cohort,
                                             std::string_view group_json,
                                             const store::Commit& as_of,
                                             const std::string& base_url, const CohortPath& path,
                                             std::uint64_t part_size) {
  const auto few = few_patients(store, cohort, group_json, as_of, base_url, path);
  std::vector<CohortPart> parts;
  for (unsigned i = 0; i < cohort.filters.size(); ++i) {
    const auto type = cohort.filters[i].type();
    const auto how = how_found(cohort.subject, type);
    const auto range = how == Found::kByOwner ? store::with_owner(type) : store::whole_type(type);
    SLUICE_ASSIGN_OR_RETURN(const std::uint64_t size, store.approximate_size(range));
    if (few && how != Found::kByReference && few->size() * kSeekBytes < size) {
      for (const auto& id : *few) parts.push_back({i, store::of_owner(type, id), true});
      continue;
    }
    SLUICE_ASSIGN_OR_RETURN(auto ranges, store.split(range, part_size));
    for (auto& each : ranges) parts.push_back({i, std::move(each)});
  }
  return parts;
}

Result<search::Cohort> resolved(const store::Store& store, const search::Cohort& cohort,
                                store::Sequence as_of) {
  search::Cohort out = cohort;
  const Seen seen(store, cohort);
  query::StoreResolver resolver(seen.store(), as_of);
  search::IdBudget budget;
  for (auto& filter : out.filters) {
    SLUICE_ASSIGN_OR_RETURN(filter, filter.resolved(resolver, budget));
  }
  return out;
}

Result<SubjectIds> matching_subjects(const store::Store& store, const search::Cohort& cohort,
                                     const CohortPart& part, store::Sequence as_of,
                                     const std::function<Result<void>(std::uint64_t)>& step) {
  const search::Query& query = cohort.filters[part.filter];
  Speaker speaker(cohort, query.type());
  const Seen seen(store, cohort);
  SLUICE_ASSIGN_OR_RETURN(const auto scan, seen.store().scan(part.range, as_of));
  search::Matcher matcher([&] { return step(0); });
  store::RecordView record;
  SubjectIds ids;
  std::uint64_t bytes = 0;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
    if (!more) break;
    std::optional<store::Record> linked;
    if (record.is_link) {
      // A link represents a resource that is stored, and tested, with its first owner.
      if (!part.of_patient) continue;
      SLUICE_ASSIGN_OR_RETURN(linked,
                              seen.store().read({record.type, std::string(record.id)}, as_of));
      if (!linked) continue;
      record.json = linked->json;
      record.owners = linked->owners;
    }
    bytes += record.json.size() + 1;
    if (bytes >= kStepBytes) {
      SLUICE_RETURN_IF_ERROR(step(bytes));
      bytes = 0;
    }
    SLUICE_ASSIGN_OR_RETURN(const bool matches, matcher.matches(query, record.json));
    if (matches) SLUICE_RETURN_IF_ERROR(speaker.append(record, ids));
  }
  SLUICE_RETURN_IF_ERROR(step(bytes));
  sort_unique(ids);
  return ids;
}

Result<SubjectIds> choose_members(const store::Store& store, const search::Cohort& cohort,
                                  std::string_view group_json, std::vector<SubjectIds> by_filter,
                                  const store::Commit& as_of, const std::string& base_url,
                                  CohortPath path) {
  SubjectIds members = std::move(by_filter.front());
  for (std::size_t i = 1; i < by_filter.size(); ++i) members = intersect(members, by_filter[i]);
  if (cohort.has_members) {
    SLUICE_ASSIGN_OR_RETURN(const auto base,
                            base_population(store, cohort, group_json, as_of, base_url, path));
    members = intersect(members, base);
  }
  const Seen seen(store, cohort);
  return those_that_exist(seen.store(), cohort.subject, std::move(members), as_of.sequence);
}

Result<StoredCohort> read_stored_cohort(const store::Store& store, const std::string& group_id,
                                        const store::Commit& as_of, const std::string& base_url) {
  SLUICE_ASSIGN_OR_RETURN(auto record, store.read({fhir::types::kGroup, group_id}, as_of.sequence));
  if (!record) return not_found(fmt::format("there is no Group/{}", group_id));
  auto cohort = search::read_cohort(record->json, {.base_url = base_url, .now = as_of.instant},
                                    search::Strictness::kFiltersOnly);
  if (!cohort)
    return Error{cohort.error().kind,
                 fmt::format("Group/{}: {}", group_id, cohort.error().message)};
  if (!*cohort) return not_found(fmt::format("Group/{} has no member-filter", group_id));
  return StoredCohort{std::move(record->json), record->version, std::move(**cohort)};
}

Result<SubjectIds> evaluate_patients(const store::Store& store, const std::string& group_id,
                                     const store::Commit& as_of, const std::string& base_url,
                                     CohortPath path) {
  if (!path.insert(group_id).second)
    return invalid(fmt::format("Group/{} is a member of itself by way of other groups", group_id));
  SLUICE_ASSIGN_OR_RETURN(const auto stored, read_stored_cohort(store, group_id, as_of, base_url));
  if (stored.cohort.subject != fhir::types::kPatient) return SubjectIds();
  SLUICE_ASSIGN_OR_RETURN(const auto cohort, resolved(store, stored.cohort, as_of.sequence));
  SLUICE_ASSIGN_OR_RETURN(const auto parts, cohort_parts(store, cohort, stored.group_json, as_of,
                                                         base_url, path, kPartSize));
  SLUICE_ASSIGN_OR_RETURN(auto found, ParallelScan(store, cohort, as_of.sequence).run(parts));
  return choose_members(store, cohort, stored.group_json, std::move(found), as_of, base_url,
                        std::move(path));
}

}  // namespace sluice::bulk
