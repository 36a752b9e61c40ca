// The part of a page's link that says where the page begins: which state of the store it shows, and
// after which match. The link also holds the search, and the client's permissions are checked for
// each page, so that a forged link shows nothing that a search would not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "query/page.h"
#include "store/store.h"

namespace sluice::api {

/// The parameter that holds it.
inline constexpr std::string_view kPageParameter = "_page";

struct PageLink {
  store::Commit as_of;
  Instant until;  ///< the state is kept that long
  query::PageCursor cursor;
  std::optional<std::uint64_t> total = std::nullopt;  ///< counted for the first page
  friend bool operator==(const PageLink&, const PageLink&);
};

/// Letters, digits, '-' and '_'.
std::string to_text(const PageLink& link);
/// kInvalid when it is not one that to_text() makes.
Result<PageLink> parse_page_link(std::string_view text);

}  // namespace sluice::api
