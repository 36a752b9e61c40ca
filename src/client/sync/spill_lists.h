// Temporary lists on disk, one for each key, for up to millions of entries. Memory holds only the
// end of each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::client {

/// One thread.
class SpillLists {
 public:
  /// Makes `folder`, empty; it goes with the object. What a crash left there goes too.
  static Result<std::unique_ptr<SpillLists>> create(const std::filesystem::path& folder);
  ~SpillLists();
  SpillLists(const SpillLists&) = delete;
  SpillLists& operator=(const SpillLists&) = delete;

  Result<void> add(const std::string& key, std::string_view entry);
  bool contains(const std::string& key) const { return lists_.contains(key); }
  /// All entries of a key in order; none may be added to it meanwhile.
  Result<void> each(const std::string& key,
                    const std::function<Result<void>(std::string_view)>& take);
  void drop(const std::string& key);

 private:
  struct List {
    std::uint64_t number = 0;  // of its file
    bool is_written = false;   // some of it is in the file
    std::string end;           // what is not there yet
  };
  explicit SpillLists(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path path_of(const List& list) const;
  Result<void> flush(List& list);

  const std::filesystem::path folder_;
  std::map<std::string, List> lists_;
  std::uint64_t next_number_ = 0;
};

}  // namespace sluice::client
