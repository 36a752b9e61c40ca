#include "api/core/long_searches.h"

#include <algorithm>

#include "base/bytes.h"

namespace sluice::api {
namespace {

constexpr std::size_t kNameBytes = 16;  // cannot be guessed

}  // namespace

std::string LongSearches::keep(std::string_view client_id, std::string_view search, Instant until) {
  const std::lock_guard lock(mutex_);
  auto at = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.client_id == client_id && entry.search == search;
  });
  if (at == entries_.end()) {
    entries_.push_front(
        {random_hex(kNameBytes), std::string(client_id), std::string(search), until});
    size_ += search.size();
    make_room();
    return entries_.front().name;
  }
  entries_.splice(entries_.begin(), entries_, at);
  at->until = std::max(at->until, until);
  return at->name;
}

Result<std::string> LongSearches::find(std::string_view client_id, std::string_view name,
                                       Instant now) {
  const std::lock_guard lock(mutex_);
  const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.name == name && entry.client_id == client_id && entry.until >= now;
  });
  if (at == entries_.end())
    return Error{ErrorKind::kGone, "the search of this link is kept no longer: search again"};
  entries_.splice(entries_.begin(), entries_, at);
  return at->search;
}

// The newest has room, for a search is never as large as all may be together.
void LongSearches::make_room() {
  while (entries_.size() > 1 && (size_ > kSizeMax || entries_.size() > kCountMax)) {
    size_ -= entries_.back().search.size();
    entries_.pop_back();
  }
}

}  // namespace sluice::api
