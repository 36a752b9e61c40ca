// Updates that wait for the end of a load, so that of duplicates within the input only the last
// makes a version (docs/decisions/0005).
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "fhir/resource_reader.h"
#include "fhir/resource_type.h"

namespace sluice::bulk {

/// One thread.
class PendingUpdates {
 public:
  /// Keeps `resource` as the last occurrence, in place of an earlier one.
  void keep(fhir::IncomingResource resource) {
    size_ += resource.content.size();
    auto [at, is_new] = updates_.try_emplace({resource.type, resource.id});
    if (!is_new) size_ -= at->second.content.size();
    at->second = std::move(resource);
  }
  /// The last occurrence equals the stored resource: drops an earlier one.
  void cancel(const fhir::ResourceId& key) {
    const auto found = updates_.find(key);
    if (found == updates_.end()) return;
    size_ -= found->second.content.size();
    updates_.erase(found);
  }
  const fhir::IncomingResource* find(const fhir::ResourceId& key) const {
    const auto found = updates_.find(key);
    return found == updates_.end() ? nullptr : &found->second;
  }
  bool contains(const fhir::ResourceId& key) const {
    return !updates_.empty() && updates_.contains(key);
  }
  std::vector<fhir::IncomingResource> take() {
    std::vector<fhir::IncomingResource> all;
    all.reserve(updates_.size());
    for (auto& [key, resource] : updates_) all.push_back(std::move(resource));
    updates_.clear();
    size_ = 0;
    return all;
  }
  std::uint64_t size() const { return size_; }  ///< bytes of content

 private:
  std::map<fhir::ResourceId, fhir::IncomingResource> updates_;
  std::uint64_t size_ = 0;
};

}  // namespace sluice::bulk
