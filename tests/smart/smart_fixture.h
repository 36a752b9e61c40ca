// What the tests of smart share: a clock that is set, a store that is reopened and that can refuse
// writes, and a client with keys.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "jose/json_web_key.h"
#include "smart/client.h"
#include "store/store.h"
#include "temporary_folder.h"

namespace sluice::smart {

class TestClock final : public Clock {
 public:
  Instant now() const override { return {milliseconds.load()}; }
  void advance(std::chrono::milliseconds by) { milliseconds += by.count(); }
  /// 2023-11-14T22:13:20Z
  std::atomic<std::int64_t> milliseconds = 1'700'000'000'000;
};

/// A store that writes only while it may.
class RefusingStore final : public store::Store {
 public:
  RefusingStore(store::Store& inner, const std::atomic<bool>& refuse)
      : inner_(inner), refuse_(refuse) {}
  Result<store::WriteOutcome> write(const store::Transaction& transaction) override;
  store::Commit last_commit() const override { return inner_.last_commit(); }
  Result<store::Commit> commit_at(Instant i) const override { return inner_.commit_at(i); }
  Result<std::optional<store::Commit>> commit_of(store::Sequence s) const override {
    return inner_.commit_of(s);
  }
  Result<std::optional<store::Record>> read(const fhir::ResourceId& key,
                                            store::Sequence as_of) const override {
    return inner_.read(key, as_of);
  }
  Result<std::vector<store::Version>> versions(const fhir::ResourceId& key, std::uint32_t before,
                                               std::size_t limit) const override {
    return inner_.versions(key, before, limit);
  }
  Result<std::optional<std::string>> owners(const fhir::ResourceId& key,
                                            store::Sequence as_of) const override {
    return inner_.owners(key, as_of);
  }
  std::unique_ptr<store::ProvenanceFinder> provenance_finder(store::Sequence as_of) const override {
    return inner_.provenance_finder(as_of);
  }
  Result<std::vector<fhir::ResourceId>> attached_to(std::string_view binary_id,
                                                    std::size_t limit) const override {
    return inner_.attached_to(binary_id, limit);
  }
  Result<std::vector<bool>> exist(fhir::ResourceType type, const std::vector<std::string>& ids,
                                  store::Sequence as_of) const override {
    return inner_.exist(type, ids, as_of);
  }
  Result<std::unique_ptr<store::Scan>> scan(const store::KeyRange& range,
                                            store::Sequence as_of) const override {
    return inner_.scan(range, as_of);
  }
  Result<std::unique_ptr<store::ChangeScan>> changes(store::Sequence after,
                                                     store::Sequence up_to) const override {
    return inner_.changes(after, up_to);
  }
  Result<std::unique_ptr<store::ChangeScan>> changes_newest_first(
      store::ChangeCursor before, store::Sequence after) const override {
    return inner_.changes_newest_first(before, after);
  }
  Result<std::optional<store::Version>> version_of(const store::Change& change) const override {
    return inner_.version_of(change);
  }
  Result<std::uint64_t> change_count(store::Sequence after, store::Sequence up_to) const override {
    return inner_.change_count(after, up_to);
  }
  Result<std::unique_ptr<store::MemberScan>> members(std::string_view group_id,
                                                     fhir::ResourceType type,
                                                     store::Sequence as_of) const override {
    return inner_.members(group_id, type, as_of);
  }
  Result<std::uint64_t> approximate_size(const store::KeyRange& range) const override {
    return inner_.approximate_size(range);
  }
  Result<std::vector<store::KeyRange>> split(const store::KeyRange& range,
                                             std::uint64_t part_size) const override {
    return inner_.split(range, part_size);
  }
  Result<std::vector<store::TypeStatistics>> statistics() const override {
    return inner_.statistics();
  }
  Result<std::optional<std::string>> document(std::string_view key) const override {
    return inner_.document(key);
  }
  Result<std::vector<store::Document>> documents(std::string_view prefix, std::string_view after,
                                                 std::size_t limit) const override {
    return inner_.documents(prefix, after, limit);
  }
  void set_history_horizon(store::Sequence oldest) override { inner_.set_history_horizon(oldest); }
  store::Sequence history_horizon() const override { return inner_.history_horizon(); }
  Result<void> compact() override { return inner_.compact(); }
  Result<std::uint64_t> size_on_disk() const override { return inner_.size_on_disk(); }

 private:
  store::Store& inner_;
  const std::atomic<bool>& refuse_;
};

/// A test with a clock and a store.
class SmartTest : public ::testing::Test {
 protected:
  SmartTest();
  ~SmartTest() override;
  store::Store& store() { return *refusing_; }
  /// As after a restart; what was opened on the store must be gone.
  void reopen();
  /// How many documents start with `prefix`.
  std::size_t documents(std::string_view prefix);

  TestClock clock;
  std::atomic<bool> refuse_writes = false;

 private:
  TemporaryFolder folder_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<RefusingStore> refusing_;
};

/// A client with the public part of `key`, registered for `scope`.
Client make_client(std::string id, const jose::PrivateJwk& key,
                   std::string_view scope = "system/*.read");

}  // namespace sluice::smart
