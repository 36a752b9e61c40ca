#include "query/store_resolver.h"

namespace sluice::query {

Result<void> StoreResolver::each(fhir::ResourceType type, const Visit& visit) {
  SLUICE_ASSIGN_OR_RETURN(const auto scan, store_.scan(store::whole_type(type), as_of_));
  store::RecordView record;
  while (true) {
    SLUICE_RETURN_IF_ERROR(check_.step());
    SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
    if (!more) return {};
    // A link stands for a resource that is stored, and visited, with its first owner.
    if (record.is_link) continue;
    check_.note_size(record.json.size());
    SLUICE_RETURN_IF_ERROR(visit(record.id, record.json));
  }
}

}  // namespace sluice::query
