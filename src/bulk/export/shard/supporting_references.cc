#include "bulk/export/shard/supporting_references.h"

#include <fmt/format.h>

#include <iterator>

#include "bulk/export/shard/internal_lines.h"
#include "fhir/compartment.h"
#include "fhir/reference.h"

namespace sluice::bulk {
namespace {

// Before a line.
constexpr char kOfNewMember = '+';

// References that were found, and those of them that were not followed yet.
struct Opening {
  ReferencesByType found;
  std::vector<fhir::ResourceId> open;

  void add(fhir::ResourceType type, std::string_view id) {
    if (found[type].emplace(id).second) open.push_back({type, std::string(id)});
  }
};

Result<void> read_references(output::FileStore& files, std::string_view job_id,
                             const InternalLines& lines, Opening& all, Opening& of_new_members) {
  return each_line(files, job_id, lines, [&](std::string_view line) -> Result<void> {
    const bool of_new_member = line.starts_with(kOfNewMember);
    if (of_new_member) line.remove_prefix(1);
    const auto reference = fhir::parse_reference(line);
    if (!reference) return corrupt("an internal file of an export cannot be read");
    all.add(reference->type, reference->id);
    if (of_new_member) of_new_members.add(reference->type, reference->id);
    return {};
  });
}

Result<void> add_lines(InternalLinesWriter& writer, const ReferenceSet& references,
                       std::string_view mark) {
  for (const auto& encoded : references) {
    const auto item = store::SupportingReferences(encoded).next();
    if (!item) return Error{ErrorKind::kInternal, "the export failed", "encoded reference"};
    SLUICE_RETURN_IF_ERROR(
        writer.add(fmt::format("{}{}/{}", mark, fhir::type_name(item->type), item->id)));
  }
  return {};
}

// Adds what the resources refer to, to the end.
Result<void> close(Opening& references, const store::Store& store, store::Sequence as_of,
                   const ExportRequest& request) {
  while (!references.open.empty()) {
    const fhir::ResourceId next = std::move(references.open.back());
    references.open.pop_back();
    if (!request.wants(next.type)) continue;
    SLUICE_ASSIGN_OR_RETURN(const auto record, store.read_of({}, next, as_of));
    if (!record || !record->owners.empty()) continue;
    store::SupportingReferences supporting(record->supporting);
    while (const auto item = supporting.next())
      if (fhir::may_be_supporting(item->type)) references.add(item->type, item->id);
  }
  return {};
}

// What is in a patient's compartment is there for the patient, whoever refers to it.
Result<void> part_owned(ReferencesByType& found, ReferencesByType& owned, const store::Store& store,
                        store::Sequence as_of) {
  for (auto& [type, ids] : found) {
    if (!fhir::is_in_patient_compartment(type)) continue;
    for (auto id = ids.begin(); id != ids.end();) {
      SLUICE_ASSIGN_OR_RETURN(const auto owners, store.owners({type, *id}, as_of));
      const auto next = std::next(id);
      if (owners && !owners->empty()) owned[type].insert(ids.extract(id));
      id = next;
    }
  }
  return {};
}

}  // namespace

Result<InternalLines> keep_references(output::FileStore& files, std::string_view job_id,
                                      std::string_view stem, const FoundReferences& references) {
  InternalLinesWriter writer(files, job_id,
                             fmt::format("{}references-{}", output::kInternalFilePrefix, stem));
  SLUICE_RETURN_IF_ERROR(add_lines(writer, references.ordinary, {}));
  SLUICE_RETURN_IF_ERROR(add_lines(writer, references.of_new_members, {&kOfNewMember, 1}));
  return writer.finish();
}

Result<ClosedReferences> follow_references(output::FileStore& files, const store::Store& store,
                                           std::string_view job_id,
                                           const std::vector<InternalLines>& references,
                                           store::Sequence as_of, const ExportRequest& request,
                                           const ClosedReferences* known) {
  Opening all;
  Opening of_new_members;
  if (known != nullptr) {
    all.found = known->all;
    of_new_members.found = known->of_new_members;
  }
  for (const auto& each : references)
    SLUICE_RETURN_IF_ERROR(read_references(files, job_id, each, all, of_new_members));
  SLUICE_RETURN_IF_ERROR(close(all, store, as_of, request));
  SLUICE_RETURN_IF_ERROR(close(of_new_members, store, as_of, request));
  ReferencesByType owned;
  if (known != nullptr) owned = known->owned;
  SLUICE_RETURN_IF_ERROR(part_owned(all.found, owned, store, as_of));
  SLUICE_RETURN_IF_ERROR(part_owned(of_new_members.found, owned, store, as_of));
  return ClosedReferences{std::move(all.found), std::move(of_new_members.found), std::move(owned)};
}

}  // namespace sluice::bulk
