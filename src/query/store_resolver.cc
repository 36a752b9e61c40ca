#include "query/store_resolver.h"

namespace sluice::query {

Result<void> StoreResolver::each(fhir::ResourceType type, const Visit& visit) {
  SLUICE_TRY(const auto scan, store_.scan(store::whole_type(type), as_of_));
  store::RecordView record;
  while (true) {
    SLUICE_CHECK(check_.step());
    SLUICE_TRY(const bool more, scan->next(record));
    if (!more) return {};
    // A link stands for a resource that is stored, and visited, with its first owner.
    if (record.is_link) continue;
    check_.note_size(record.json.size());
    SLUICE_CHECK(visit(record.id, record.json));
  }
}

}  // namespace sluice::query
