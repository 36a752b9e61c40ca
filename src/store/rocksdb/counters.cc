#include "store/rocksdb/counters.h"

#include <rocksdb/write_batch.h>

#include <memory>

#include "base/bytes.h"

namespace sluice::store {

Result<void> Counters::read(const Database& database) {
  const std::lock_guard lock(mutex_);
  // The counter of type 0 to that of the last type.
  const std::string first = counter_key({});
  const std::string_view prefix = std::string_view(first).substr(0, first.size() - 2);
  const std::unique_ptr<rocksdb::Iterator> it(
      database.db().NewIterator(rocksdb::ReadOptions(), database.metadata));
  for (it->Seek(first); it->Valid(); it->Next()) {
    const std::string_view key = to_view(it->key());
    if (key.size() != first.size() || key.substr(0, prefix.size()) != prefix) break;
    TypeCounter counter;
    if (!parse_counter(to_view(it->value()), counter)) return corrupt_value("counter");
    counters_[{read_be16(key.data() + prefix.size())}] = counter;
  }
  if (!it->status().ok()) return read_error(it->status());
  return {};
}

TypeCounter Counters::after(fhir::ResourceType type,
                            const CounterChanges::Difference& difference) const {
  const auto found = counters_.find(type);
  TypeCounter counter = found == counters_.end() ? TypeCounter() : found->second;
  counter.resources += static_cast<std::uint64_t>(difference.resources);
  counter.bytes += static_cast<std::uint64_t>(difference.bytes);
  return counter;
}

void Counters::put(const CounterChanges& changes, const Database& database,
                   rocksdb::WriteBatch& batch) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [type, difference] : changes.differences_)
    batch.Put(database.metadata, counter_key(type), encode(after(type, difference)))
        .PermitUncheckedError();  // a batch in memory without limits takes everything
}

void Counters::apply(const CounterChanges& changes) {
  const std::lock_guard lock(mutex_);
  for (const auto& [type, difference] : changes.differences_)
    counters_[type] = after(type, difference);
}

std::vector<TypeStatistics> Counters::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<TypeStatistics> all;
  for (const auto& [type, counter] : counters_)
    all.push_back({type, counter.resources, counter.bytes});
  return all;
}

TypeCounter Counters::of(fhir::ResourceType type) const {
  const std::lock_guard lock(mutex_);
  const auto found = counters_.find(type);
  return found == counters_.end() ? TypeCounter() : found->second;
}

}  // namespace sluice::store
