// What a job's manifest says about its files: the part of JobFollower that reads it.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/instant.h"
#include "base/shown_url.h"
#include "base/utf8.h"
#include "client/files/deletion_bundle.h"
#include "client/http/url.h"
#include "client/pull/export_log.h"
#include "client/pull/job_follower.h"

namespace sluice::client {
namespace {

constexpr std::size_t kPagesMax = 1'000'000;
constexpr std::size_t kRemarksKept = 5;
constexpr std::size_t kTimeShown = 64;
constexpr unsigned kReopenedMax = 3;  // in a run
// How far a transactionTime may be ahead: what stands before a server has a clock of its own, and
// ours may be wrong. A time zone that is taken for another is half an hour at least.
constexpr std::chrono::minutes kServersClocks{15};
constexpr std::chrono::hours kOurClock{24};

// Whether an item is about other content than the file that was named before.
bool is_other_content(const FileState& file, const ManifestItem& item) {
  if (file.item.kind == FileKind::kOutcome) return false;  // what it counts there is its own affair
  if (item.size && file.item.size && *item.size != *file.item.size) return true;
  if (!item.count || item.count == file.item.count) return false;
  return file.item.count || !file.is_done ||
         (*item.count != file.summary.lines &&
          *item.count != file.summary.lines + file.summary.strays);
}

// Whether it is about the same content for sure.
bool is_same_content(const FileState& file, const ManifestItem& item) {
  return file.item.kind == FileKind::kOutcome || (item.count && item.count == file.item.count);
}

}  // namespace

bool JobFollower::is_seen(std::size_t index) const {
  return index < seen_.size() && seen_[index];
}

void JobFollower::note_seen(std::size_t index) {
  if (index >= seen_.size()) seen_.resize(std::max(index + 1, seen_.size() * 2));
  seen_[index] = true;
}

// Reads the status and every page of the manifest that there is; files go to take_item.
Result<JobFollower::Reading> JobFollower::read() {
  seen_.clear();
  known_before_ = state_.round().files->size();
  unmatched_.emplace(state_.folder() / ".sluice" / "unmatched");
  const bool takes_partial = state_.round().request.allows_partial_manifests;
  remarks_ = {};
  const auto take = [this](ManifestItem item) { return take_item(std::move(item)); };
  Reading reading;
  const std::string& status_url = state_.round().status_url;
  auto polled = poll(session_, status_url, take, settings_.kick_off.wait_max, takes_partial);
  if (!polled) {
    session_.log.status_error(polled.error().message);
    return polled.error();
  }
  reading.polled = std::move(*polled);
  if (!reading.polled.manifest) return reading;
  note_links(*reading.polled.manifest);
  std::set<std::string> pages;
  std::string from = status_url;
  std::string next = reading.polled.manifest->next;
  while (!next.empty()) {
    const auto resolved = resolve_url(from, next);
    if (!resolved) return Error{ErrorKind::kConflict, resolved.error().message};
    const std::string& url = *resolved;
    if (!pages.insert(url).second || pages.size() > kPagesMax)
      return Error{ErrorKind::kConflict, "the manifest's pages lead back to themselves"};
    SLUICE_ASSIGN_OR_RETURN(const auto page,
                            poll(session_, url, take, settings_.kick_off.wait_max, takes_partial));
    // Of a partial manifest the next page may still have to come.
    if (takes_partial && page.state == Polled::State::kRunning && page.trouble.empty()) {
      reading.polled.state = Polled::State::kRunning;
      reading.polled.retry_after = page.retry_after;
      return reading;
    }
    if (!page.manifest) {
      // The next look reads it all again; what is known is not taken twice.
      if (reading.polled.state == Polled::State::kDone)
        reading.polled.trouble =
            page.trouble.empty() ? "a page of the manifest is missing" : page.trouble;
      return reading;
    }
    note_links(*page.manifest);
    from = url;
    next = page.manifest->next;
    ++reading.pages;
  }
  reading.is_whole = reading.polled.state == Polled::State::kDone;
  return reading;
}

// Why nothing can be asked for from a transactionTime on; empty: it can.
std::string JobFollower::fault_of_time(const std::string& time,
                                       const std::optional<Instant>& date) const {
  if (time.empty()) return {};
  const auto instant = parse_fhir_instant(time);
  if (!instant) return "is no FHIR instant";
  // What changes until then would never be asked for.
  const Instant now = date ? *date : session_.clock.now();
  const auto slack = date ? kServersClocks : kOurClock;
  if (*instant - now > slack)
    return fmt::format("is later than {} clock, which says {},", date ? "the server's" : "our",
                       to_fhir_instant(now));
  return {};
}

// A time that no server takes as _since, or that changes would be lost by, is none.
Result<void> JobFollower::note_manifest(ManifestHead head, const std::optional<Instant>& date,
                                        bool is_whole) {
  auto& time = head.transaction_time;
  if (const auto fault = fault_of_time(time, date); !fault.empty()) {
    if (is_whole && !state_.round().has_manifest)
      events_.notice(
          fmt::format("the manifest's transactionTime '{}' {} and counts as none: the next sync "
                      "cannot ask from then on",
                      shortened(time, kTimeShown), fault));
    time.clear();
  }
  return state_.set_manifest(head, remarks_, is_whole);
}

// What the manifest says itself instead of naming a file: counted and shown.
void JobFollower::take_nameless(const ManifestItem& item) {
  std::string text;
  if (item.count == 0u) return;  // an empty file
  if (item.kind == FileKind::kOutcome) {
    ++remarks_.outcomes;
    const bool is_error =
        item.severity.empty() || item.severity == "error" || item.severity == "fatal";
    if (is_error) ++remarks_.outcome_errors;
    text = item.text.empty() ? "an outcome without words" : item.text;
  } else if (item.is_odd) {
    ++remarks_.missing;
    text = fmt::format("the manifest has an entry in '{}' that is no file", to_string(item.kind));
  } else {
    ++remarks_.missing;
    text = fmt::format("the manifest has a file of {}{} {}", item.type.substr(0, 64),
                       item.kind == FileKind::kDeleted ? " (deletions)" : "",
                       item.url.empty() ? "without a URL" : "with a URL that is none");
  }
  remark(std::move(text));
}

void JobFollower::remark(std::string text) {
  if (!text.empty() && remarks_.texts.size() < kRemarksKept)
    remarks_.texts.push_back(std::move(text));
}

// What follows on it, if anything does, is not known.
void JobFollower::note_links(const ManifestHead& head) {
  if (!head.has_odd_link) return;
  ++remarks_.missing;
  remark("the manifest has a link that is not understood: it may have more pages");
}

Result<void> JobFollower::take_item(ManifestItem item) {
  // A copy by type cannot be made of it, now or in a sync.
  if (item.kind == FileKind::kOutput && !item.type.empty() && !is_type_name(item.type))
    return Error{ErrorKind::kConflict, fmt::format("the manifest has a file of type '{}': that is "
                                                   "no type of FHIR",
                                                   item.type.substr(0, 64))};
  if (item.url.empty()) {
    take_nameless(item);
    return {};
  }
  auto url = resolve_url(state_.round().status_url, item.url);
  if (!url) {
    take_nameless(item);
    return {};
  }
  item.url = std::move(*url);
  SLUICE_ASSIGN_OR_RETURN(const auto known, state_.round().files->find(item.url));
  if (known) return take_known(*known, item);
  if (known_before_ == 0) return take_new(item);
  return unmatched_->add(item);
}

Result<void> JobFollower::take_new(const ManifestItem& item) {
  SLUICE_ASSIGN_OR_RETURN(const std::size_t index, state_.add_file(item));
  note_seen(index);
  return {};
}

// A file that was named before, by the same URL.
Result<void> JobFollower::take_known(std::size_t index, const ManifestItem& item) {
  if (is_seen(index)) return {};  // `error` and `outcome` name the same
  note_seen(index);
  SLUICE_ASSIGN_OR_RETURN(const auto file, state_.round().files->at(index));
  const bool is_doubtful = renamed_.erase(index) > 0 && !is_same_content(file, item);
  const bool is_other_type = !state_.round().has_manifest && item.type != file.item.type;
  if (!is_other_content(file, item) && !is_doubtful && !is_other_type) return {};
  SLUICE_RETURN_IF_ERROR(drop(index));
  return take_new(item);
}

// A file that was named before by a URL with another query. Before the manifest is complete, files
// of different queries may be different files.
Result<void> JobFollower::take_renamed(std::size_t index, const ManifestItem& item, bool is_whole) {
  note_seen(index);
  SLUICE_ASSIGN_OR_RETURN(const auto file, state_.round().files->at(index));
  const bool is_begun = file.is_done || outstanding_.contains(index) || file.synced > 0 ||
                        file.validator.total || !file.validator.etag.empty() ||
                        !file.validator.last_modified.empty();
  const bool is_decided = is_whole && !state_.round().has_manifest;
  if (is_other_content(file, item) || (is_decided && is_begun && !is_same_content(file, item))) {
    SLUICE_RETURN_IF_ERROR(drop(index));
    return take_new(item);
  }
  if (!is_whole && is_begun) renamed_.insert(index);
  return state_.set_url(index, item.url);
}

// After a reading: what the items are whose URLs were not known, and which files are named no
// longer.
Result<void> JobFollower::settle(bool is_whole) {
  const auto& files = *state_.round().files;
  const bool is_complete = state_.round().has_manifest;  // a reading before was whole
  if (!unmatched_->empty()) {
    std::vector<UnmatchedItems::Candidate> candidates;
    for (std::size_t i = 0; i < known_before_; ++i) {
      if (is_seen(i)) continue;
      SLUICE_ASSIGN_OR_RETURN(const auto file, files.at(i));
      if (!file.is_dropped) candidates.emplace_back(place_key(file.item), i);
    }
    bool is_unclear = false;
    const auto take = [&](const ManifestItem& item, UnmatchedItems::Match match,
                          std::size_t index) -> Result<void> {
      SLUICE_ASSIGN_OR_RETURN(const auto known, files.find(item.url));
      if (known) return {};  // named twice
      if (match == UnmatchedItems::Match::kSame) return take_renamed(index, item, is_whole);
      if (match == UnmatchedItems::Match::kUnclear) is_unclear = true;
      // Only a whole manifest can say which of them is which: all of them are new then.
      if (match == UnmatchedItems::Match::kUnclear && (is_complete || !is_whole)) return {};
      if (is_complete)
        return Error{
            ErrorKind::kConflict,
            fmt::format("the manifest has changed: '{}' is new in it", shown_url(item.url))};
      return take_new(item);
    };
    SLUICE_RETURN_IF_ERROR(unmatched_->match(std::move(candidates), take));
    if (is_complete && is_unclear) return reopen();
  }
  // A complete manifest that is read again only brings other URLs.
  if (!is_whole || is_complete) return {};
  for (std::size_t i = 0; i < known_before_; ++i)
    if (!is_seen(i)) SLUICE_RETURN_IF_ERROR(drop(i));
  return {};
}

// Several files have other URLs now, which nothing but their queries told apart: the next reading
// names what there is as if it were the first, and what is not known by its URL is new.
Result<void> JobFollower::reopen() {
  if (++reopened_ > kReopenedMax)
    return Error{ErrorKind::kConflict,
                 "the manifest's URLs differ only in their queries, and change again and again"};
  events_.notice(
      "files that only the queries of their URLs tell apart have other URLs now: they are "
      "received again");
  next_poll_ = std::chrono::steady_clock::now();
  return state_.reopen_manifest();
}

// The file does not count: it is not named any more, or is another now.
Result<void> JobFollower::drop(std::size_t index) {
  SLUICE_ASSIGN_OR_RETURN(const auto file, state_.round().files->at(index));
  if (file.is_dropped) return {};
  const bool is_running = outstanding_.contains(index);
  if (file.is_done && !is_running) {
    --done_;
    lines_ -= file.summary.lines;
  }
  ++dropped_;
  failures_.erase(index);
  refreshed_.erase(index);
  expired_.erase(index);
  SLUICE_RETURN_IF_ERROR(state_.drop_file(index));
  if (!is_running) remove_dropped(file);  // else at its end
  return {};
}

void JobFollower::remove_dropped(const FileState& file) const {
  const auto folder = state_.folder_of(state_.round());
  std::error_code none;
  for (const char* suffix : {"", ".gz", ".part", ".unpacked", ".sorted"})
    std::filesystem::remove(folder / (file.name + suffix), none);
  if (file.item.kind != FileKind::kOutcome)
    std::filesystem::remove(folder / stray_name(file.name), none);
}

}  // namespace sluice::client
