#include "bulk/supporting_references.h"

#include <fmt/format.h>

#include "bulk/export_plan.h"
#include "bulk/internal_lines.h"
#include "fhir/reference.h"

namespace sluice::bulk {
namespace {

// Before a line.
constexpr char kOfNewMember = '+';

Result<void> read_references(output::FileStore& files, std::string_view job_id,
                             const InternalLines& lines, ClosedReferences& references) {
  return each_line(files, job_id, lines, [&](std::string_view line) -> Result<void> {
    const bool of_new_member = line.starts_with(kOfNewMember);
    if (of_new_member) line.remove_prefix(1);
    const auto reference = fhir::parse_reference(line);
    if (!reference) return corrupt("an internal file of an export cannot be read");
    references.all[reference->type].emplace(reference->id);
    if (of_new_member) references.of_new_members[reference->type].emplace(reference->id);
    return {};
  });
}

Result<void> add_lines(InternalLinesWriter& writer, const ReferenceSet& references,
                       std::string_view mark) {
  for (const auto& encoded : references) {
    const auto item = store::SupportingReferences(encoded).next();
    if (!item) return Error{ErrorKind::kInternal, "the export failed", "encoded reference"};
    SLUICE_CHECK(writer.add(fmt::format("{}{}/{}", mark, fhir::type_name(item->type), item->id)));
  }
  return {};
}

// Adds what the resources in `found` refer to, to the end.
Result<void> close(ReferencesByType& found, const store::Store& store, store::Sequence as_of,
                   const ExportRequest& request) {
  std::vector<fhir::ResourceId> open;
  for (const auto& [type, ids] : found)
    for (const auto& id : ids) open.push_back({type, id});
  while (!open.empty()) {
    const fhir::ResourceId next = std::move(open.back());
    open.pop_back();
    if (!request.wants(next.type)) continue;
    SLUICE_TRY(const auto record, store.read(next, as_of));
    if (!record) continue;
    store::SupportingReferences references(record->supporting);
    while (const auto item = references.next()) {
      if (!is_supporting_type(item->type)) continue;
      if (found[item->type].emplace(item->id).second)
        open.push_back({item->type, std::string(item->id)});
    }
  }
  return {};
}

}  // namespace

Result<InternalLines> keep_references(output::FileStore& files, std::string_view job_id,
                                      std::string_view stem, const FoundReferences& references) {
  InternalLinesWriter writer(files, job_id,
                             fmt::format("{}references-{}", kInternalFilePrefix, stem));
  SLUICE_CHECK(add_lines(writer, references.ordinary, {}));
  SLUICE_CHECK(add_lines(writer, references.of_new_members, {&kOfNewMember, 1}));
  return writer.finish();
}

Result<ClosedReferences> close_references(output::FileStore& files, const store::Store& store,
                                          std::string_view job_id,
                                          const std::vector<InternalLines>& references,
                                          store::Sequence as_of, const ExportRequest& request) {
  ClosedReferences found;
  for (const auto& each : references) SLUICE_CHECK(read_references(files, job_id, each, found));
  SLUICE_CHECK(close(found.all, store, as_of, request));
  SLUICE_CHECK(close(found.of_new_members, store, as_of, request));
  return found;
}

}  // namespace sluice::bulk
