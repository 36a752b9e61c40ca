// An index of a criterion's values by a text that matching elements share, so that a thousand ids
// or codes cost no more than one. Internal to the module.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice::search {

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

/// Numbers by text.
class ValueIndex {
 public:
  void add(std::string_view text, std::uint32_t number) {
    auto& numbers = numbers_[std::string(text)];
    if (numbers.empty() || numbers.back() != number) numbers.push_back(number);
  }
  bool empty() const { return numbers_.empty(); }
  /// Those of a text; nullptr when there are none.
  const std::vector<std::uint32_t>* find(std::string_view text) const {
    const auto found = numbers_.find(text);
    return found == numbers_.end() ? nullptr : &found->second;
  }

 private:
  std::unordered_map<std::string, std::vector<std::uint32_t>, StringHash, std::equal_to<>> numbers_;
};

}  // namespace sluice::search
