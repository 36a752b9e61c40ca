#include "api/core/long_searches.h"

#include <algorithm>

#include "base/bytes.h"

namespace sluice::api {
namespace {

constexpr std::size_t kNameBytes = 16;  // cannot be guessed

}  // namespace

std::string LongSearches::keep(std::string_view client_id, fhir::ResourceType type,
                               std::string_view search, Instant until) {
  const std::lock_guard lock(mutex_);
  auto* const known = searches_.find_of(
      client_id, [&](const Search& kept) { return kept.type == type && kept.text == search; });
  if (known != nullptr) {
    known->until = std::max(known->until, until);
    return known->name;
  }
  std::string name = random_hex(kNameBytes);
  searches_.keep(client_id, name, search.size(), {name, type, std::string(search), until});
  return name;
}

Result<std::string> LongSearches::find(std::string_view client_id, fhir::ResourceType type,
                                       std::string_view name, Instant now) {
  const std::lock_guard lock(mutex_);
  const auto* const found = searches_.find_of(client_id, [&](const Search& kept) {
    return kept.name == name && kept.type == type && kept.until >= now;
  });
  if (found == nullptr)
    return Error{ErrorKind::kGone, "the search of this link is kept no longer: search again"};
  return found->text;
}

}  // namespace sluice::api
