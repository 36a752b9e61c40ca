#include "store/rocksdb/devices_upgrade.h"

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "fhir/resource_reader.h"
#include "store/rocksdb/packed_json.h"
#include "store/rocksdb/record_format.h"

namespace sluice::store {
namespace {

constexpr std::size_t kAtOnce = 500;
// What the store holds went through the reader, so these are no limits but a promise.
constexpr fhir::ReaderLimits kNoLimits{kLineMax, kLineMax, 1000};

class Upgrade {
 public:
  Upgrade(const Database& database, Store& store) : database_(database), store_(store) {}

  Result<void> run() {
    const auto range = without_owner(fhir::find_resource_type("Device").value());
    const std::string end = range_end_key(range);
    const rocksdb::Slice end_slice = end;
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &end_slice;
    options.fill_cache = false;
    // It shows what was there at its beginning, whatever is written meanwhile.
    const std::unique_ptr<rocksdb::Iterator> it(
        database_.db().NewIterator(options, database_.current));
    for (it->Seek(range_key(range.type, range.from)); it->Valid(); it->Next()) {
      SLUICE_RETURN_IF_ERROR(look_at(to_view(it->value())));
      if (devices_.size() == kAtOnce) SLUICE_RETURN_IF_ERROR(write());
    }
    if (!it->status().ok()) return read_error(it->status());
    SLUICE_RETURN_IF_ERROR(write());
    spdlog::info("store upgrade devices_of_patients={}", count_);
    return {};
  }

 private:
  Result<void> look_at(std::string_view value) {
    ParsedRecord record;
    if (!parse_record(value, record)) return corrupt_value("record");
    if (record.header.kind != RecordKind::kResource) return {};
    std::string unpacked;
    SLUICE_ASSIGN_OR_RETURN(const auto line, unpacked_line(record, unpacked));
    SLUICE_ASSIGN_OR_RETURN(auto device, reader_.read(line));
    if (!device.owners.empty()) devices_.push_back(std::move(device));
    return {};
  }

  Result<void> write() {
    if (devices_.empty()) return {};
    Transaction transaction;
    transaction.durable = false;  // the new version of the format, which is noted last, is
    for (const auto& device : devices_) transaction.puts.push_back(&device);
    SLUICE_RETURN_IF_ERROR(store_.write(transaction));
    count_ += devices_.size();
    devices_.clear();
    return {};
  }

  const Database& database_;
  Store& store_;
  fhir::ResourceReader reader_{kNoLimits, {}, fhir::ResourceReader::Tokens::kDropped};
  std::vector<fhir::IncomingResource> devices_;
  std::size_t count_ = 0;
};

}  // namespace

Result<void> give_devices_their_owners(const Database& database, Store& store) {
  return Upgrade(database, store).run();
}

}  // namespace sluice::store
