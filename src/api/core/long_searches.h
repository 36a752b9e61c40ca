// Searches by POST that are too long for the links of their pages: they are kept here, and the
// links name them. In memory only: after a restart the server asks the client to search
// again, which makes a new link.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"

namespace sluice::api {

/// The parameter of a link that names a search.
inline constexpr std::string_view kSearchParameter = "_search";
/// A longer link gets a name instead of its search: a request has room for 16 KiB with all its
/// header fields, and many a proxy for 8.
inline constexpr std::size_t kLinkSizeMax = 8'000;

/// Thread-safe.
class LongSearches {
 public:
  /// The most bytes and searches to keep; above that, drops the least recently
  /// used.
  static constexpr std::size_t kSizeMax = std::size_t{64} << 20;
  static constexpr std::size_t kCountMax = 1'000;

  /// Keeps a search of a client ("Patient?name=x&...") at least until then, unless others need the
  /// room; its name, which is the same as long as it is kept.
  std::string keep(std::string_view client_id, std::string_view search, Instant until);
  /// kGone for what is not kept, or another client's.
  Result<std::string> find(std::string_view client_id, std::string_view name, Instant now);

 private:
  struct Entry {
    std::string name;
    std::string client_id;
    std::string search;
    Instant until;
  };
  /// Drops what there is no room for.
  void make_room();

  std::mutex mutex_;
  std::list<Entry> entries_;  // guarded by mutex_; the last used first
  std::size_t size_ = 0;      // guarded by mutex_; of the searches
};

}  // namespace sluice::api
