// The supporting resources that exported ones refer to: a set that is queried millions of times for
// the same few thousand members.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_set>

#include "fhir/resource_type.h"
#include "store/store.h"

namespace sluice::bulk {

/// One thread.
class ReferenceSet {
 public:
  /// Adds every reference in a record's `supporting`.
  void add_all(std::string_view supporting) {
    store::SupportingReferences references(supporting);
    while (const auto item = references.next()) add(item->encoded);
  }

  /// Type and id in the store's encoding (2 bytes, length, id): see store::SupportingReferences.
  void add(std::string_view encoded) {
    // Resources of one patient mostly name the same few practitioners: a small cache of whole keys
    // spares the hash table.
    std::string& recent = recent_[slot(encoded)];
    if (recent == encoded) return;
    recent = encoded;
    set_.emplace(encoded);
  }

  std::size_t size() const { return set_.size(); }
  bool empty() const { return set_.empty(); }
  auto begin() const { return set_.begin(); }
  auto end() const { return set_.end(); }

 private:
  static constexpr std::size_t kRecent = 1024;

  static std::size_t slot(std::string_view encoded) {
    std::uint64_t tail = 0;
    const std::size_t n = encoded.size() < sizeof tail ? encoded.size() : sizeof tail;
    std::memcpy(&tail, encoded.data() + encoded.size() - n, n);
    return (tail * 0x9E3779B97F4A7C15u) >> 54;
  }

  std::array<std::string, kRecent> recent_;
  std::unordered_set<std::string> set_;
};

}  // namespace sluice::bulk
