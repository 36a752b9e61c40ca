// Finds a key that is repeated in an object, while a document is read once from start to end.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace sluice::fhir {

/// The keys of the objects that are open at the moment. Small objects, nearly all there are,
/// compare each key with those before it; large ones sort when they end, so that a million keys
/// stay cheap.
class KeyScopes {
 public:
  /// Forgets everything.
  void clear() {
    keys_.clear();
    starts_.clear();
  }
  /// An object begins.
  void open() { starts_.push_back(keys_.size()); }

  /// Adds a key of the innermost object. False if it is repeated (in a large object, close()
  /// reports that). Eight bytes after the key must be readable; the key must live until the end of
  /// its object.
  bool add(std::string_view key) {
    const Key added{prefix_of(key), key};
    const std::size_t start = starts_.back();
    if (keys_.size() - start < kSmall) {
      for (std::size_t i = start; i < keys_.size(); ++i) {
        if (keys_[i] == added) return false;
      }
    }
    keys_.push_back(added);
    return true;
  }

  /// Ends the innermost object. False if one of its keys is repeated.
  bool close() {
    const std::size_t start = starts_.back();
    starts_.pop_back();
    bool unique = true;
    if (keys_.size() - start > kSmall) {
      const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(start);
      std::sort(first, keys_.end(), [](const Key& a, const Key& b) { return a.text < b.text; });
      unique = std::adjacent_find(first, keys_.end()) == keys_.end();
    }
    keys_.resize(start);
    return unique;
  }

 private:
  static constexpr std::size_t kSmall = 24;

  struct Key {
    std::uint64_t prefix = 0;  // the first eight bytes, padded with zeros
    std::string_view text;
    bool operator==(const Key& other) const {
      return prefix == other.prefix && text.size() == other.text.size() &&
             (text.size() <= 8 || text == other.text);
    }
  };

  static std::uint64_t prefix_of(std::string_view key) {
    std::uint64_t prefix;
    std::memcpy(&prefix, key.data(), sizeof prefix);
    if (key.size() >= sizeof prefix) return prefix;
    if (key.empty()) return 0;
    const auto unused_bits = static_cast<int>(8 * (sizeof prefix - key.size()));
    if constexpr (std::endian::native == std::endian::little) {
      return prefix << unused_bits;
    } else {
      return prefix >> unused_bits;
    }
  }

  std::vector<Key> keys_;            // of all open objects, outermost first
  std::vector<std::size_t> starts_;  // where each open object's keys begin
};

}  // namespace sluice::fhir
