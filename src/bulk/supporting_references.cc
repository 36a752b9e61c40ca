#include "bulk/supporting_references.h"

#include <fmt/format.h>

#include <array>

#include "bulk/export_plan.h"
#include "fhir/reference.h"

namespace sluice::bulk {
namespace {

// Before a line of an internal file.
constexpr char kOfNewMember = '+';

Result<void> read_references(output::FileStore& files, std::string_view job_id,
                             std::string_view name, ClosedReferences& references) {
  SLUICE_TRY(const auto file, files.open(job_id, name));
  output::InflatingReader reader(file, 0);
  std::array<char, 1u << 16> buffer;
  std::string rest;
  while (true) {
    SLUICE_TRY(const std::size_t n, reader.read(buffer));
    if (n == 0) return {};
    rest.append(buffer.data(), n);
    std::size_t start = 0;
    for (std::size_t end; (end = rest.find('\n', start)) != std::string::npos; start = end + 1) {
      std::string_view line = std::string_view(rest).substr(start, end - start);
      const bool of_new_member = line.starts_with(kOfNewMember);
      if (of_new_member) line.remove_prefix(1);
      const auto reference = fhir::parse_reference(line);
      if (!reference) return corrupt("an internal file of an export cannot be read");
      references.all[reference->type].emplace(reference->id);
      if (of_new_member) references.of_new_members[reference->type].emplace(reference->id);
    }
    rest.erase(0, start);
  }
}

Result<void> write_lines(output::SeekableGzipWriter& writer, const ReferenceSet& references,
                         std::string_view mark) {
  for (const auto& encoded : references) {
    const auto item = store::SupportingReferences(encoded).next();
    if (!item) return Error{ErrorKind::kInternal, "the export failed", "encoded reference"};
    SLUICE_CHECK(
        writer.append_line(fmt::format("{}{}/{}", mark, fhir::type_name(item->type), item->id)));
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

Result<void> write_references(output::FileStore& files, std::string_view job_id,
                              std::string_view name, const FoundReferences& references) {
  SLUICE_TRY(const auto writer, files.create(job_id, name));
  SLUICE_CHECK(write_lines(*writer, references.ordinary, {}));
  SLUICE_CHECK(write_lines(*writer, references.of_new_members, {&kOfNewMember, 1}));
  SLUICE_CHECK(writer->finish());
  return {};
}

Result<ClosedReferences> close_references(output::FileStore& files, const store::Store& store,
                                          std::string_view job_id,
                                          const std::vector<std::string>& names,
                                          store::Sequence as_of, const ExportRequest& request) {
  ClosedReferences found;
  for (const auto& name : names) SLUICE_CHECK(read_references(files, job_id, name, found));
  SLUICE_CHECK(close(found.all, store, as_of, request));
  SLUICE_CHECK(close(found.of_new_members, store, as_of, request));
  return found;
}

}  // namespace sluice::bulk
