// The parameters of a search over REST: which resources, and how they are shown.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "api/rest/page_link.h"
#include "api/rest/resource_view.h"
#include "base/result.h"
#include "fhir/resource_type.h"
#include "http/message.h"
#include "query/include.h"
#include "query/page.h"
#include "search/query.h"

namespace sluice::api {

/// Matches on a page when the client does not say, and the most that it gets.
inline constexpr std::size_t kCountDefault = 50;
inline constexpr std::size_t kCountMax = 1000;

struct SearchRequest {
  fhir::ResourceType type;
  search::Parameters filters = {};  ///< what Query::compile takes
  query::Order order = {};
  std::size_t count = kCountDefault;
  bool count_only = false;  ///< _summary=count or _count=0
  /// _total; nullopt when the client does not say: then it gets the number if that is free.
  std::optional<bool> wants_total = std::nullopt;
  ResourceView view = {};
  std::vector<query::Include> includes = {};
  std::optional<PageLink> page = std::nullopt;
  std::optional<std::string> format = std::nullopt;  ///< the value of _format

  /// What the links repeat: all understood parameters except the page.
  http::NameValues understood = {};
  /// Names of unknown parameters that were skipped because of handling=lenient.
  std::vector<std::string> skipped = {};
};

/// `parameters`: of the query and of a form. kInvalid or kUnsupported names the parameter that is
/// not understood; with `lenient` unknown parameters are skipped, but never a modifier or a value
/// of one that is known. The filters' modifiers and values are left to Query::compile.
Result<SearchRequest> read_search_request(fhir::ResourceType type,
                                          const http::NameValues& parameters, bool lenient);

}  // namespace sluice::api
