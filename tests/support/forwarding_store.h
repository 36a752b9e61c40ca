// A store that passes everything on to another, for tests that change or count some of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace sluice::store {

class ForwardingStore : public Store {
 public:
  /// `inner` must outlive it.
  explicit ForwardingStore(Store& inner) : inner_(inner) {}

  Result<WriteOutcome> write(const Transaction& transaction) override {
    return inner_.write(transaction);
  }
  Commit last_commit() const override { return inner_.last_commit(); }
  Result<Commit> commit_at(Instant i) const override { return inner_.commit_at(i); }
  Result<std::optional<Commit>> commit_of(Sequence s) const override { return inner_.commit_of(s); }
  Result<std::optional<Record>> read(const fhir::ResourceId& key, Sequence as_of) const override {
    return inner_.read(key, as_of);
  }
  Result<std::vector<Version>> versions(const fhir::ResourceId& key, std::uint32_t before,
                                        std::size_t limit) const override {
    return inner_.versions(key, before, limit);
  }
  Result<std::optional<std::string>> owners(const fhir::ResourceId& key,
                                            Sequence as_of) const override {
    return inner_.owners(key, as_of);
  }
  std::unique_ptr<ProvenanceFinder> provenance_finder(Sequence as_of) const override {
    return inner_.provenance_finder(as_of);
  }
  Result<std::vector<fhir::ResourceId>> attached_to(std::string_view binary_id,
                                                    std::size_t limit) const override {
    return inner_.attached_to(binary_id, limit);
  }
  Result<std::vector<bool>> exist(fhir::ResourceType type, const std::vector<std::string>& ids,
                                  Sequence as_of) const override {
    return inner_.exist(type, ids, as_of);
  }
  Result<std::unique_ptr<Scan>> scan(const KeyRange& range, Sequence as_of) const override {
    return inner_.scan(range, as_of);
  }
  Result<std::unique_ptr<ChangeScan>> changes(Sequence after, Sequence up_to) const override {
    return inner_.changes(after, up_to);
  }
  Result<std::unique_ptr<ChangeScan>> changes_newest_first(ChangeCursor before,
                                                           Sequence after) const override {
    return inner_.changes_newest_first(before, after);
  }
  Result<std::optional<Version>> version_of(const Change& change) const override {
    return inner_.version_of(change);
  }
  Result<std::uint64_t> change_count(Sequence after, Sequence up_to) const override {
    return inner_.change_count(after, up_to);
  }
  Result<std::unique_ptr<MemberScan>> members(std::string_view group_id, fhir::ResourceType type,
                                              Sequence as_of) const override {
    return inner_.members(group_id, type, as_of);
  }
  Result<std::uint64_t> approximate_size(const KeyRange& range) const override {
    return inner_.approximate_size(range);
  }
  Result<std::vector<KeyRange>> split(const KeyRange& range,
                                      std::uint64_t part_size) const override {
    return inner_.split(range, part_size);
  }
  Result<std::vector<TypeStatistics>> statistics() const override { return inner_.statistics(); }
  Result<std::optional<std::string>> document(std::string_view key) const override {
    return inner_.document(key);
  }
  Result<std::vector<Document>> documents(std::string_view prefix, std::string_view after,
                                          std::size_t limit) const override {
    return inner_.documents(prefix, after, limit);
  }
  void set_history_horizon(Sequence oldest) override { inner_.set_history_horizon(oldest); }
  Sequence history_horizon() const override { return inner_.history_horizon(); }
  Result<void> compact() override { return inner_.compact(); }
  Result<std::uint64_t> size_on_disk() const override { return inner_.size_on_disk(); }

 private:
  Store& inner_;
};

}  // namespace sluice::store
