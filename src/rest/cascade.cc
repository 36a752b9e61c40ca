#include "rest/cascade.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/sort_unique.h"
#include "rest/retries.h"

namespace sluice::rest {
namespace {

using Kind = Condition::Kind;

// Each attempt that fails is a write to this very patient's compartment.
constexpr int kAttemptsMax = 50;
constexpr std::size_t kNamedMax = 20;  // of resources that are others' too

std::string name_of(const fhir::ResourceId& key) {
  return fmt::format("{}/{}", fhir::type_name(key.type), key.id);
}

/// A patient's compartment as of one sequence, the patient included.
struct Compartment {
  store::Sequence as_of;
  std::vector<store::Precondition> found;  // what there is, by type and id
  std::vector<fhir::ResourceId> shared;    // what is in others' compartments too
};

Result<Compartment> collect(const store::Store& store, const fhir::ResourceId& patient,
                            std::size_t most) {
  Compartment compartment{store.last_commit().sequence, {}, {}};
  SLUICE_ASSIGN_OR_RETURN(const auto statistics, store.statistics());
  for (const auto& of_type : statistics) {
    SLUICE_ASSIGN_OR_RETURN(
        const auto scan, store.scan(store::of_owner(of_type.type, patient.id), compartment.as_of));
    store::RecordView record;
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
      if (!more) break;
      const fhir::ResourceId key{record.type, std::string(record.id)};
      if (compartment.found.size() == most)
        return Error{ErrorKind::kUnprocessable,
                     fmt::format("{} has more than {} resources in the compartment: they are not "
                                 "deleted together",
                                 name_of(patient), most)};
      compartment.found.push_back({key, record.version});
      store::OwnerList owners(record.owners);
      owners.next();
      // Who is linked with other patients is in their compartments, and goes all the same.
      if ((record.is_link || owners.next()) && key != patient) compartment.shared.push_back(key);
    }
  }
  return compartment;
}

Error is_shared(const fhir::ResourceId& patient, const std::vector<fhir::ResourceId>& shared) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(shared.size(), kNamedMax); ++i)
    names.push_back(name_of(shared[i]));
  return {ErrorKind::kConflict,
          fmt::format("{} resources of {} are in other patients' compartments too, so nothing is "
                      "deleted: {}{}",
                      shared.size(), name_of(patient), fmt::join(names, ", "),
                      shared.size() > kNamedMax ? " ..." : "")};
}

Result<void> check_condition(const fhir::ResourceId& patient, std::uint32_t version,
                             const Condition& condition) {
  std::string why;
  if (condition.kind == Kind::kAbsent && version != 0)
    why = fmt::format("If-None-Match: {} is there already", name_of(patient));
  if (condition.kind == Kind::kPresent && version == 0)
    why = fmt::format("If-Match: there is no {}", name_of(patient));
  if (condition.kind == Kind::kVersion && (version == 0 || version != condition.version))
    why = fmt::format("If-Match: version {} of {} is not the newest", condition.version,
                      name_of(patient));
  if (why.empty()) return {};
  return Error{ErrorKind::kPreconditionFailed, std::move(why)};
}

std::vector<fhir::ResourceType> types_of(const std::vector<store::Precondition>& found) {
  std::vector<fhir::ResourceType> types{fhir::types::kPatient};
  for (const auto& one : found) types.push_back(one.key.type);
  sort_unique(types);
  return types;
}

}  // namespace

Result<CascadeOutcome> remove_with_compartment(store::Store& store, const std::string& patient_id,
                                               const Condition& condition, std::size_t most,
                                               const CascadeCalls& calls) {
  const fhir::ResourceId patient{fhir::types::kPatient, patient_id};
  std::vector<fhir::ResourceId> announced;  // sorted
  for (Retries retries(kAttemptsMax);;) {
    SLUICE_ASSIGN_OR_RETURN(auto compartment, collect(store, patient, most));
    auto& found = compartment.found;
    SLUICE_RETURN_IF_ERROR(calls.may_remove(types_of(found)));
    auto own = std::find_if(found.begin(), found.end(),
                            [&](const auto& one) { return one.key == patient; });
    // Whoever makes the patient meanwhile must not be overlooked.
    if (own == found.end()) own = found.insert(found.end(), {patient, 0});
    SLUICE_RETURN_IF_ERROR(check_condition(patient, own->version, condition));
    if (!compartment.shared.empty()) return is_shared(patient, compartment.shared);

    store::Transaction transaction;
    for (const auto& one : found) transaction.removals.push_back(one.key);
    const auto place = static_cast<std::size_t>(own - found.begin());
    const bool is_there = own->version != 0;
    transaction.preconditions = std::move(found);
    transaction.unchanged = {{compartment.as_of, {}, patient_id}};

    std::vector<fhir::ResourceId> keys = transaction.removals;
    std::sort(keys.begin(), keys.end());
    std::vector<fhir::ResourceId> fresh;
    std::set_difference(keys.begin(), keys.end(), announced.begin(), announced.end(),
                        std::back_inserter(fresh));
    if (!fresh.empty()) SLUICE_RETURN_IF_ERROR(calls.announce(fresh));
    const auto middle = announced.insert(announced.end(), fresh.begin(), fresh.end());
    std::inplace_merge(announced.begin(), middle, announced.end());

    auto outcome = store.write(transaction);
    if (outcome)
      return CascadeOutcome{is_there ? outcome->removals[place].version : 0,
                            transaction.removals.size() - 1};
    if (outcome.error().kind != ErrorKind::kConflict) return std::move(outcome).error();
    if (!retries.again()) break;
  }
  return Error{
      ErrorKind::kConflict,
      fmt::format("other requests write to the compartment of {} all the time", name_of(patient))};
}

}  // namespace sluice::rest
