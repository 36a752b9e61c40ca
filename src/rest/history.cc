#include "rest/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace sluice::rest {
namespace {

constexpr std::size_t kLookUpCost = 50;  // of one version, in entries of the change log
constexpr std::size_t kReadAtOnce = 8;   // versions, until it is known how large they are

bool belongs(const store::Version& version, const HistoryRange& range) {
  if (version.sequence <= range.after || version.sequence > range.up_to) return false;
  if (!range.current_at || version.sequence > *range.current_at) return true;
  return !version.deleted &&
         (version.superseded.value == 0 || version.superseded > *range.current_at);
}

/// The page that grows.
class Pager {
 public:
  explicit Pager(const HistoryLimits& limits) : limits_(limits) {}

  /// Whether another version may come.
  bool is_full() const {
    return page_.entries.size() >= limits_.count ||
           (!page_.entries.empty() && bytes_ >= limits_.bytes);
  }
  bool has_looked(std::size_t looks) {
    looks_ += looks;
    return looks_ > limits_.looks;
  }
  void add(const fhir::ResourceId& key, store::Version version) {
    bytes_ += version.json.size();
    page_.entries.push_back({key, std::move(version)});
  }
  std::size_t room() const { return limits_.count - page_.entries.size(); }
  std::size_t bytes_left() const { return limits_.bytes - std::min(bytes_, limits_.bytes); }
  std::size_t bytes() const { return bytes_; }
  HistoryPage take(std::optional<store::ChangeCursor> next) {
    page_.next = next;
    return std::move(page_);
  }

 private:
  const HistoryLimits limits_;
  HistoryPage page_;
  std::size_t bytes_ = 0;
  std::size_t looks_ = 0;
};

}  // namespace

Result<HistoryPage> history_of(const store::Store& store, const fhir::ResourceId& key,
                               const HistoryRange& range, const HistoryLimits& limits) {
  Pager pager(limits);
  std::uint32_t before =
      range.before ? range.before->number : std::numeric_limits<std::uint32_t>::max();
  std::size_t seen = 0;
  std::size_t seen_bytes = 0;
  std::size_t at_once = std::min(kReadAtOnce, limits.count);
  const query::BoundsCheck check(limits.bounds);
  while (true) {
    SLUICE_RETURN_IF_ERROR(check.look());
    SLUICE_ASSIGN_OR_RETURN(auto versions, store.versions(key, before, at_once));
    if (versions.empty() && seen == 0 && !range.before)
      return not_found(fmt::format("there is no {}/{}", fhir::type_name(key.type), key.id));
    if (versions.empty()) return pager.take(std::nullopt);
    for (auto& version : versions) {
      if (pager.is_full()) return pager.take(store::ChangeCursor{{}, before});
      if (version.sequence <= range.after) return pager.take(std::nullopt);
      before = version.version;
      ++seen;
      seen_bytes += version.json.size();
      if (belongs(version, range)) pager.add(key, std::move(version));
    }
    // As many as fit, going by those that were read.
    const std::size_t fitting = pager.bytes_left() / std::max<std::size_t>(seen_bytes / seen, 1);
    at_once = std::clamp<std::size_t>(fitting, 1, std::max<std::size_t>(pager.room(), 1));
  }
}

Result<HistoryPage> history_of_types(const store::Store& store,
                                     const std::vector<fhir::ResourceType>* types,
                                     const HistoryRange& range, const HistoryLimits& limits) {
  Pager pager(limits);
  const store::ChangeCursor end{{range.up_to.value + 1}, 0};
  store::ChangeCursor at = range.before ? std::min(*range.before, end) : end;
  const store::ChangeCursor start = at;
  SLUICE_ASSIGN_OR_RETURN(const auto changes, store.changes_newest_first(at, range.after));
  query::BoundsCheck check(limits.bounds);
  store::Change change;
  while (true) {
    auto found = [&]() -> Result<bool> {
      SLUICE_RETURN_IF_ERROR(check.step());
      return changes->next(change);
    }();
    // A page that is not full is one, too, when there is a place to go on from.
    if (!found && found.error().kind == ErrorKind::kTimeout && at != start) return pager.take(at);
    SLUICE_ASSIGN_OR_RETURN(const bool more, std::move(found));
    if (!more) return pager.take(std::nullopt);
    if (pager.is_full() || pager.has_looked(1)) return pager.take(at);
    const store::ChangeCursor before = at;
    at = {change.sequence, change.number};
    if (types != nullptr && !std::binary_search(types->begin(), types->end(), change.type))
      continue;
    auto found_version = store.version_of(change);
    if (!found_version && found_version.error().kind == ErrorKind::kTimeout && before != start)
      return pager.take(before);
    SLUICE_ASSIGN_OR_RETURN(auto version, std::move(found_version));
    if (version && belongs(*version, range))
      pager.add({change.type, std::string(change.id)}, std::move(*version));
    if (pager.has_looked(kLookUpCost)) return pager.take(at);
  }
}

}  // namespace sluice::rest
