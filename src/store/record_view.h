// A view of a stored record that was read by itself, for what takes those of a scan.
#pragma once

#include "store/store.h"

namespace sluice::store {

/// Valid as long as `record`.
inline RecordView view_of(const Record& record) {
  RecordView view;
  view.type = record.key.type;
  view.owner = record.owner;
  view.id = record.key.id;
  view.sequence = record.sequence;
  view.last_updated = record.last_updated;
  view.version = record.version;
  view.owners = record.owners;
  view.supporting = record.supporting;
  view.json = record.json;
  view.may_name_binary = record.may_name_binary;
  return view;
}

}  // namespace sluice::store
