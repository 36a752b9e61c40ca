#include "bulk/export/shard/owned_records.h"

#include "store/record_view.h"

namespace sluice::bulk {

Result<void> OwnedRecords::give(const store::RecordView& record, RecordVisitor& visitor) const {
  const bool is_system = context_.prepared.request.level == ExportLevel::kSystem;
  // Sought by patient, a resource of several is found with each of them.
  const bool by_owner = !is_system || sought_ != nullptr;
  if (by_owner && !record.owner.empty()) {
    store::OwnerList owners(record.owners);
    const auto first = owners.next();
    const bool several = owners.next().has_value();
    if ((several || !first) && !is_first_found(record)) return {};
  }
  if (record.is_link && !by_owner) return {};
  // A filter's patients need not be the export's: another owner may be.
  if (sought_ != nullptr && !is_system && !context_.scope.covers_owner(record.owners)) return {};
  return give_or_follow(context_, record, visitor);
}

bool OwnedRecords::is_first_found(const store::RecordView& record) const {
  if (sought_ == nullptr)
    return context_.scope.is_first_covered(record.owners, record.owner, only_new_);
  store::OwnerList owners(record.owners);
  while (const auto owner = owners.next())
    if (sought_->contains(*owner)) return *owner == record.owner;
  return false;
}

Result<void> follow(const SourceContext& context, const store::RecordView& link,
                    RecordVisitor& visitor) {
  // The resource stands with its first owner.
  SLUICE_ASSIGN_OR_RETURN(const auto resource, context.read({link.type, std::string(link.id)}));
  if (!resource) return {};
  return visitor.visit(view_of(*resource), context.age_of(resource->owners));
}

}  // namespace sluice::bulk
