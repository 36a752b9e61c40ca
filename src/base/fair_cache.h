// What is kept to be at hand, within bytes and a number. Whoever keeps most makes room: by keeping
// much, nobody pushes out what others keep.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace sluice {

/// Values by a key, each of a holder. Not thread-safe.
template <class Value>
class FairCache {
 public:
  /// `size_max` of the sizes that are told, `count_max` of values.
  FairCache(std::size_t size_max, std::size_t count_max)
      : size_max_(size_max), count_max_(count_max) {}
  FairCache(const FairCache&) = delete;
  FairCache& operator=(const FairCache&) = delete;

  /// nullptr when it is not kept. It counts as used.
  Value* find(std::string_view key) {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : use(found->second);
  }
  /// One of the holder's for which `is_wanted(value)`.
  template <class IsWanted>
  Value* find_of(std::string_view holder, IsWanted is_wanted) {
    const auto of_holder = holders_.find(holder);
    if (of_holder == holders_.end()) return nullptr;
    auto& entries = of_holder->second.entries;
    for (auto entry = entries.begin(); entry != entries.end(); ++entry)
      if (is_wanted(entry->value)) return use(entry);
    return nullptr;
  }

  /// Keeps a value, in place of one with the same key. The newest has room whatever its size; for
  /// it those go that were used longest ago of who has most: bytes when these are too many, else
  /// values; of several the one whose was used longest ago.
  Value& keep(std::string_view holder, std::string key, std::size_t size, Value value) {
    erase(key);
    const auto of_holder = holders_.try_emplace(std::string(holder)).first;
    auto& entries = of_holder->second.entries;
    entries.push_front({std::move(key), size, ++uses_, of_holder, std::move(value)});
    const auto kept = entries.begin();
    by_key_.emplace(kept->key, kept);
    of_holder->second.size += size;
    size_ += size;
    while (by_key_.size() > 1 && (size_ > size_max_ || by_key_.size() > count_max_))
      drop(next_to_go(kept));
    return kept->value;
  }

  void erase(std::string_view key) {
    if (const auto found = by_key_.find(key); found != by_key_.end()) drop(found->second);
  }

  std::size_t count() const { return by_key_.size(); }
  std::size_t size() const { return size_; }

 private:
  struct OfHolder;
  using Holders = std::map<std::string, OfHolder, std::less<>>;
  struct Entry {
    std::string key;
    std::size_t size = 0;
    std::uint64_t used = 0;  // when, in uses of any
    typename Holders::iterator holder;
    Value value;
  };
  using Entries = std::list<Entry>;
  struct OfHolder {
    Entries entries;  // the last used first
    std::size_t size = 0;
  };

  Value* use(typename Entries::iterator entry) {
    auto& entries = entry->holder->second.entries;
    entries.splice(entries.begin(), entries, entry);
    entry->used = ++uses_;
    return &entry->value;
  }

  // Not `kept`; there is another one.
  typename Entries::iterator next_to_go(typename Entries::iterator kept) {
    const bool by_size = size_ > size_max_;
    OfHolder* most = nullptr;
    const auto has = [&](const OfHolder& holder) {
      return by_size ? holder.size : holder.entries.size();
    };
    for (auto& [name, holder] : holders_) {
      if (holder.entries.size() == 1 && holder.entries.begin() == kept) continue;
      if (most == nullptr || has(holder) > has(*most) ||
          (has(holder) == has(*most) && holder.entries.back().used < most->entries.back().used))
        most = &holder;
    }
    return std::prev(most->entries.end());
  }

  void drop(typename Entries::iterator entry) {
    const auto holder = entry->holder;
    size_ -= entry->size;
    holder->second.size -= entry->size;
    by_key_.erase(entry->key);
    holder->second.entries.erase(entry);
    if (holder->second.entries.empty()) holders_.erase(holder);
  }

  const std::size_t size_max_;
  const std::size_t count_max_;
  Holders holders_;
  std::unordered_map<std::string_view, typename Entries::iterator> by_key_;  // views into entries
  std::size_t size_ = 0;
  std::uint64_t uses_ = 0;
};

}  // namespace sluice
