#include "store/rocksdb/devices_upgrade.h"

#include <string>
#include <vector>

#include "base/log.h"
#include "fhir/resource_reader.h"
#include "store/rocksdb/packed_json.h"
#include "store/rocksdb/record_format.h"
#include "store/rocksdb/upgrade_walk.h"

namespace sluice::store {
namespace {

constexpr std::size_t kAtOnce = 500;
// What the store holds went through the reader, so these are no limits but a promise.
constexpr fhir::ReaderLimits kNoLimits{kLineMax, kLineMax, 1000};

class Upgrade {
 public:
  Upgrade(const Database& database, Store& store) : database_(database), store_(store) {}

  Result<void> run() {
    const auto look_at_row = [&](std::string_view, std::string_view value) -> Result<void> {
      SLUICE_RETURN_IF_ERROR(look_at(value));
      return devices_.size() == kAtOnce ? write() : Result<void>();
    };
    const auto devices = without_owner(fhir::find_resource_type("Device").value());
    SLUICE_RETURN_IF_ERROR(each_row(database_, database_.current, devices, look_at_row));
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
