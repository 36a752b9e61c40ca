// A page of a search as a searchset Bundle.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/rest/search_request.h"
#include "base/result.h"
#include "store/store.h"

namespace sluice::api {

struct SearchResult {
  store::Commit as_of;
  std::vector<store::Record> matches = {};
  std::vector<store::Record> included = {};
  std::optional<std::uint64_t> total = std::nullopt;
  std::optional<PageLink> next = std::nullopt;
};

/// Keeps a search that is too long for a link, "name=value&..."; the name under which it is.
using KeepSearch = std::function<std::string(std::string_view query)>;

/// The Bundle as JSON text: the state's instant as meta.lastUpdated, the links `self` and `next`,
/// matches (cut by _elements), what is included, and an outcome when parameters were skipped.
/// kCorrupt when a resource is not what the store promised.
Result<std::string> search_bundle(const SearchRequest& request, const SearchResult& result,
                                  std::string_view base_url, const KeepSearch& keep);

}  // namespace sluice::api
