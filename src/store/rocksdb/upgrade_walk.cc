#include "store/rocksdb/upgrade_walk.h"

#include <memory>
#include <string>

#include "store/rocksdb/record_format.h"

namespace sluice::store {
namespace {

constexpr std::size_t kReadahead = 4u << 20;

Result<void> walk(const Database& database, rocksdb::ColumnFamilyHandle* family,
                  const std::string& begin, const rocksdb::Slice* end, const RowVisit& visit) {
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = end;
  options.fill_cache = false;
  options.readahead_size = kReadahead;
  const std::unique_ptr<rocksdb::Iterator> it(database.db().NewIterator(options, family));
  for (it->Seek(begin); it->Valid(); it->Next())
    SLUICE_RETURN_IF_ERROR(visit(to_view(it->key()), to_view(it->value())));
  if (!it->status().ok()) return read_error(it->status());
  return {};
}

}  // namespace

Result<void> each_row(const Database& database, rocksdb::ColumnFamilyHandle* family,
                      const RowVisit& visit) {
  return walk(database, family, {}, nullptr, visit);
}

Result<void> each_row(const Database& database, rocksdb::ColumnFamilyHandle* family,
                      const KeyRange& range, const RowVisit& visit) {
  const std::string end = range_end_key(range);
  const rocksdb::Slice end_slice = end;
  return walk(database, family, range_key(range.type, range.from), &end_slice, visit);
}

}  // namespace sluice::store
