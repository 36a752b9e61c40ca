#include "store_fixture.h"

#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <random>

#include "store/rocksdb/rocksdb_store.h"

namespace sluice::store {

const std::vector<Backend>& backends() {
  static const std::vector<Backend> all = {
      {"Rocksdb", [](const std::filesystem::path& folder,
                     const Clock& clock) { return open_rocksdb_store(folder, clock); }},
      // Memtables so small that files appear and are compacted all the time.
      {"RocksdbSmall",
       [](const std::filesystem::path& folder, const Clock& clock) {
         RocksdbStoreOptions options;
         options.write_buffer_size = 64 << 10;
         options.block_cache_size = 1 << 20;
         return open_rocksdb_store(folder, clock, options);
       }},
  };
  return all;
}

fhir::ResourceType type_of(std::string_view name) {
  return fhir::find_resource_type(name).value();
}

fhir::ResourceId id_of(std::string_view type, std::string id) {
  return {type_of(type), std::move(id)};
}

fhir::IncomingResource make_resource(std::string_view type, std::string id, std::string_view text,
                                     std::vector<std::string> owners,
                                     std::vector<fhir::ResourceId> supporting) {
  fhir::IncomingResource resource;
  resource.type = type_of(type);
  resource.content = fmt::format(R"({{"resourceType":"{}","id":"{}")", type, id);
  resource.meta_offset = resource.content.size();
  resource.content += fmt::format(R"(,"text":"{}"}})", text);
  resource.id = std::move(id);
  resource.owners = std::move(owners);
  resource.supporting = std::move(supporting);
  std::uint64_t hash = 14695981039346656037u;
  for (std::size_t i = 0; i < resource.digest.size(); ++i) {
    for (const char c : resource.content)
      hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    resource.digest[i] = static_cast<std::uint8_t>(hash >> 32);
  }
  return resource;
}

std::string line_of(std::string_view type, std::string_view id, std::string_view text, int version,
                    std::string_view last_updated) {
  return fmt::format(
      R"({{"resourceType":"{}","id":"{}","meta":{{"versionId":"{}","lastUpdated":"{}"}},"text":"{}"}})",
      type, id, version, last_updated, text);
}

Batch& Batch::put(fhir::IncomingResource resource) {
  puts_.push_back(std::make_unique<fhir::IncomingResource>(std::move(resource)));
  transaction_.puts.push_back(puts_.back().get());
  return *this;
}

Batch& Batch::remove(std::string_view type, std::string id) {
  transaction_.removals.push_back(id_of(type, std::move(id)));
  return *this;
}

Batch& Batch::document(std::string key, std::optional<std::string> value) {
  transaction_.documents.push_back({std::move(key), std::move(value)});
  return *this;
}

Batch& Batch::leave_different() {
  transaction_.on_different = OnDifferent::kLeave;
  return *this;
}

Batch& Batch::seal() {
  transaction_.seals_instant = true;
  return *this;
}

Batch& Batch::not_durable() {
  transaction_.durable = false;
  return *this;
}

Transaction Batch::transaction() const {
  return transaction_;
}

void StoreTest::reopen() {
  store_.reset();
  store_ = GetParam().open(folder_.path(), clock_).value();
}

WriteOutcome StoreTest::write(const Batch& batch) {
  return store_->write(batch.transaction()).value();
}

Sequence StoreTest::put(fhir::IncomingResource resource) {
  return write(Batch().put(std::move(resource))).commit.sequence;
}

Sequence StoreTest::remove(std::string_view type, std::string id) {
  return write(Batch().remove(type, std::move(id))).commit.sequence;
}

std::vector<std::string> StoreTest::scan(const KeyRange& range, Sequence as_of) {
  return scan_to_text(*store_, range, as_of);
}

std::string StoreTest::read(std::string_view type, std::string id, Sequence as_of) {
  const auto record = store_->read(id_of(type, std::move(id)), as_of).value();
  if (!record) return "none";
  const std::size_t text = record->json.find(R"("text":")") + 8;
  return fmt::format("{} {}", record->version,
                     record->json.substr(text, record->json.size() - text - 2));
}

std::vector<std::string> StoreTest::changes(Sequence after, Sequence up_to) {
  std::vector<std::string> found;
  const auto scan = store_->changes(after, up_to).value();
  Change change;
  while (scan->next(change).value())
    found.push_back(fmt::format("{} {} {}/{} {}", change.sequence.value,
                                change.kind == ChangeKind::kPut ? "put" : "remove",
                                fhir::type_name(change.type), change.id, change.owner));
  return found;
}

std::vector<std::string> scan_to_text(const Store& store, const KeyRange& range, Sequence as_of) {
  std::vector<std::string> found;
  const auto scan = store.scan(range, as_of).value();
  RecordView record;
  while (scan->next(record).value())
    found.push_back(fmt::format("{}{}/{}@{}", record.is_link ? "->" : "", record.owner, record.id,
                                record.version));
  return found;
}

std::uint64_t test_seed() {
  const char* const given = std::getenv("SLUICE_TEST_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "SLUICE_TEST_SEED=" << seed << std::endl;
  return seed;
}

}  // namespace sluice::store
