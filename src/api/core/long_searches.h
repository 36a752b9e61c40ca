// Searches by POST that are too long for the links of their pages: they are kept here, and the
// links name them. In memory only: after a restart the server asks the client to search
// again, which makes a new link.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

#include "base/fair_cache.h"
#include "base/instant.h"
#include "base/result.h"
#include "fhir/resource_type.h"

namespace sluice::api {

/// The parameter of a link that names a search.
inline constexpr std::string_view kSearchParameter = "_search";
/// A longer link gets a name instead of its search: a request has room for 16 KiB with all its
/// header fields, and many a proxy for 8.
inline constexpr std::size_t kLinkSizeMax = 8'000;

/// Thread-safe.
class LongSearches {
 public:
  /// The most bytes and searches to keep; above that, drops the least recently used of the client
  /// that has most.
  static constexpr std::size_t kSizeMax = std::size_t{64} << 20;
  static constexpr std::size_t kCountMax = 1'000;

  /// Keeps what a client searches a type for ("name=x&...") at least until then, unless others need
  /// the room; its name, which is the same as long as it is kept.
  std::string keep(std::string_view client_id, fhir::ResourceType type, std::string_view search,
                   Instant until);
  /// kGone for what is not kept, another client's, or of another type.
  Result<std::string> find(std::string_view client_id, fhir::ResourceType type,
                           std::string_view name, Instant now);

 private:
  struct Search {
    std::string name;
    fhir::ResourceType type;
    std::string text;
    Instant until;
  };

  std::mutex mutex_;
  FairCache<Search> searches_{kSizeMax, kCountMax};  // by name, of a client; guarded by mutex_
};

}  // namespace sluice::api
