#include "query/walk.h"

#include <algorithm>
#include <utility>

#include "store/record_view.h"

namespace sluice::query {

store::Record copy_of(const store::RecordView& record) {
  return {.key = {record.type, std::string(record.id)},
          .owner = std::string(record.owner),
          .sequence = record.sequence,
          .last_updated = record.last_updated,
          .version = record.version,
          .owners = std::string(record.owners),
          .supporting = std::string(record.supporting),
          .json = std::string(record.json),
          .may_name_binary = record.may_name_binary};
}

Walk::Walk(const store::Store& store, search::Query query, store::Sequence as_of, Bounds bounds,
           WalkCursor after)
    : store_(store),
      query_(std::move(query)),
      as_of_(as_of),
      check_(std::move(bounds)),
      cursor_(std::move(after)) {
  if (query_.ids()) {
    keys_ = *query_.ids();
    const auto first = std::upper_bound(keys_.begin(), keys_.end(), cursor_.id);
    if (!cursor_.id.empty()) next_key_ = static_cast<std::size_t>(first - keys_.begin());
  } else if (query_.patients()) {
    keys_ = *query_.patients();
    const auto first = std::lower_bound(keys_.begin(), keys_.end(), cursor_.owner);
    if (!cursor_.id.empty()) next_key_ = static_cast<std::size_t>(first - keys_.begin());
  }
}

Walk::~Walk() = default;

WalkCursor Walk::cursor() const {
  return cursor_;
}

Result<bool> Walk::next(store::RecordView& record) {
  while (true) {
    SLUICE_RETURN_IF_ERROR(check_.step());
    before_ = cursor_;
    Result<bool> found = query_.ids()        ? next_by_id(record)
                         : query_.patients() ? next_of_owners(record)
                                             : next_in_scan(record);
    if (!found) return found;
    if (!*found) return false;
    if (record.json.empty()) continue;  // what next_...() looked at and left out
    check_.note_size(record.json.size());
    auto matches = matcher_.matches(query_, record.json);
    if (!matches) cursor_ = before_;  // it was not read to its end
    if (!matches || *matches) return matches;
  }
}

Result<bool> Walk::fetch(std::string_view id, store::RecordView& record) {
  record = {};
  SLUICE_ASSIGN_OR_RETURN(auto found, store_.read({query_.type(), std::string(id)}, as_of_));
  if (!found) return false;
  fetched_ = std::move(*found);
  record = store::view_of(fetched_);
  return true;
}

Result<bool> Walk::next_by_id(store::RecordView& record) {
  if (next_key_ == keys_.size()) return false;
  const std::string& id = keys_[next_key_++];
  // What can be no id is not there; the store wants none such, nor does a position.
  if (!fhir::is_valid_id(id)) {
    record = {};
    return true;
  }
  cursor_ = {"", id};
  SLUICE_RETURN_IF_ERROR(fetch(id, record));
  return true;
}

Result<bool> Walk::next_in_scan(store::RecordView& record) {
  if (!scan_) {
    const auto range = cursor_.id.empty() ? store::whole_type(query_.type())
                                          : store::behind(query_.type(), cursor_.owner, cursor_.id);
    SLUICE_ASSIGN_OR_RETURN(scan_, store_.scan(range, as_of_));
  }
  SLUICE_ASSIGN_OR_RETURN(const bool more, scan_->next(record));
  if (!more) return false;
  cursor_.owner.assign(record.owner);
  cursor_.id.assign(record.id);
  // A link's resource is met with its first owner.
  if (record.is_link) record.json = {};
  return true;
}

// The owner by which a resource of several patients is met is the first of them that is asked for.
bool Walk::was_met_before(const store::RecordView& record) const {
  store::OwnerList owners(record.owners);
  while (const auto owner = owners.next())
    if (*owner < record.owner && std::binary_search(keys_.begin(), keys_.end(), *owner))
      return true;
  return false;
}

Result<bool> Walk::next_of_owners(store::RecordView& record) {
  if (!scan_) {
    const auto range = cursor_.id.empty() ? store::with_owner(query_.type())
                                          : store::behind(query_.type(), cursor_.owner, cursor_.id);
    SLUICE_ASSIGN_OR_RETURN(scan_, store_.scan(range, as_of_));
  }
  while (true) {
    SLUICE_RETURN_IF_ERROR(check_.step());  // owners without a record are no steps of next()
    if (!in_owner_) {
      if (next_key_ == keys_.size()) return false;
      scan_->seek_owner(keys_[next_key_++]);
      in_owner_ = true;
    }
    SLUICE_ASSIGN_OR_RETURN(const bool more, scan_->next(record));
    if (more && record.owner == keys_[next_key_ - 1]) break;
    in_owner_ = false;
  }
  cursor_.owner.assign(record.owner);
  cursor_.id.assign(record.id);
  if (was_met_before(record)) {
    record.json = {};
    return true;
  }
  if (!record.is_link) return true;
  SLUICE_ASSIGN_OR_RETURN(const bool found, fetch(cursor_.id, record));
  if (!found) return corrupt("a link without its resource");
  record.owner = cursor_.owner;  // where it was met, as for a record that is no link
  return true;
}

}  // namespace sluice::query
