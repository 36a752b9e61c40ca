// What the store's tests share: a clock, a temporary folder, resources made by hand, and the list
// of back ends the contract runs on.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"
#include "temporary_folder.h"
#include "test_clocks.h"

namespace sluice::store {

/// One way to open a store. `folder` is empty the first time.
struct Backend {
  std::string name;
  std::function<Result<std::unique_ptr<Store>>(const std::filesystem::path& folder, const Clock&)>
      open;
};
const std::vector<Backend>& backends();

fhir::ResourceType type_of(std::string_view name);
fhir::ResourceId id_of(std::string_view type, std::string id);

/// {"resourceType":"<type>","id":"<id>","text":"<text>"}: equal text, type and id are equal
/// content.
fhir::IncomingResource make_resource(std::string_view type, std::string id, std::string_view text,
                                     std::vector<std::string> owners = {},
                                     std::vector<fhir::ResourceId> supporting = {});
/// The line that is exported for it, put together without the code under test.
std::string line_of(std::string_view type, std::string_view id, std::string_view text, int version,
                    std::string_view last_updated);

/// The resources of a transaction by value, with what write() wants.
class Batch {
 public:
  Batch& put(fhir::IncomingResource resource);
  Batch& remove(std::string_view type, std::string id);
  Batch& document(std::string key, std::optional<std::string> value);
  Batch& leave_different();
  Batch& not_durable();
  Batch& seal();
  /// Views into this Batch.
  Transaction transaction() const;

 private:
  std::vector<std::unique_ptr<fhir::IncomingResource>> puts_;
  Transaction transaction_;
};

/// A store of each back end in a folder of its own.
class StoreTest : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override { reopen(); }
  void reopen();
  WriteOutcome write(const Batch& batch);
  Sequence put(fhir::IncomingResource resource);
  Sequence remove(std::string_view type, std::string id);

  /// "owner/id@version" of each record in the range, links with "->" before them.
  std::vector<std::string> scan(const KeyRange& range, Sequence as_of);
  std::vector<std::string> scan_all(std::string_view type, Sequence as_of) {
    return scan(whole_type(type_of(type)), as_of);
  }
  /// "version text-of-json" or "none".
  std::string read(std::string_view type, std::string id, Sequence as_of);
  /// "sequence kind Type/id owner" of each change.
  std::vector<std::string> changes(Sequence after, Sequence up_to);
  Sequence last() const { return store_->last_commit().sequence; }

  TemporaryFolder folder_;
  TestClock clock_;
  std::unique_ptr<Store> store_;
};

std::vector<std::string> scan_to_text(const Store& store, const KeyRange& range, Sequence as_of);

/// The seed of a random test: SLUICE_TEST_SEED if set, else a new one. Printed either way.
std::uint64_t test_seed();

}  // namespace sluice::store
