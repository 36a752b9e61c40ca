#include "bulk/supporting_references.h"

#include <fmt/format.h>

#include <array>

#include "bulk/export_plan.h"
#include "fhir/reference.h"

namespace sluice::bulk {
namespace {

Result<void> read_references(output::FileStore& files, std::string_view job_id,
                             std::string_view name, ReferencesByType& references) {
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
      const auto reference =
          fhir::parse_reference(std::string_view(rest).substr(start, end - start));
      if (!reference) return corrupt("an internal file of an export cannot be read");
      references[reference->type].emplace(reference->id);
    }
    rest.erase(0, start);
  }
}

}  // namespace

Result<void> write_references(output::FileStore& files, std::string_view job_id,
                              std::string_view name, const ReferenceSet& references) {
  SLUICE_TRY(const auto writer, files.create(job_id, name));
  for (const auto& encoded : references) {
    const auto item = store::SupportingReferences(encoded).next();
    if (!item) return Error{ErrorKind::kInternal, "the export failed", "encoded reference"};
    SLUICE_CHECK(writer->append_line(fmt::format("{}/{}", fhir::type_name(item->type), item->id)));
  }
  SLUICE_CHECK(writer->finish());
  return {};
}

Result<ReferencesByType> close_references(output::FileStore& files, const store::Store& store,
                                          std::string_view job_id,
                                          const std::vector<std::string>& names,
                                          store::Sequence as_of, const ExportRequest& request) {
  ReferencesByType found;
  for (const auto& name : names) SLUICE_CHECK(read_references(files, job_id, name, found));
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
  return found;
}

}  // namespace sluice::bulk
