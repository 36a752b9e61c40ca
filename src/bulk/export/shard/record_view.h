// A view of a stored record, as the pipeline takes it.
#pragma once

#include "store/store.h"

namespace sluice::bulk {

/// Valid as long as `record`.
inline store::RecordView view_of(const store::Record& record) {
  store::RecordView view;
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

inline const store::RecordView& view_of(const store::RecordView& record) {
  return record;
}

}  // namespace sluice::bulk
