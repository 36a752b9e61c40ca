// The links between the entries of a transaction: which fullUrl has become which resource.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "fhir/resource_type.h"

namespace sluice::rest {

class EntryLinks {
 public:
  void clear() { targets_.clear(); }

  /// Links to `full_url` are links to `key` from now on. Does nothing without a fullUrl; kInvalid
  /// when it is another entry's already.
  Result<void> add(const std::string& full_url, const fhir::ResourceId& key);

  /// What a link in the resource of the entry with `full_url` becomes: by a whole fullUrl, or, as
  /// the standard resolves references in Bundles, by "Type/id" below the same server as the
  /// entry's own fullUrl. nullopt when no entry is meant.
  std::optional<std::string> target(std::string_view full_url, std::string_view link) const;

 private:
  std::unordered_map<std::string, std::string> targets_;  // fullUrl to "Type/id"
};

}  // namespace sluice::rest
