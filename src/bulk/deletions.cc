#include "bulk/deletions.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "fhir/operation_outcome.h"
#include "fhir/resource_type.h"

namespace sluice::bulk {
namespace {

// Entries of one Bundle: a client applies each as one transaction.
constexpr std::size_t kEntriesMax = 100;
constexpr std::uint64_t kChangeBytes = 64;  // what reading a change counts as
constexpr std::uint64_t kChangesOfPart = 4'000'000;
constexpr std::size_t kVersionsPage = 16;

constexpr std::string_view kBundleStart =
    R"({"resourceType":"Bundle","type":"transaction","entry":[)";
constexpr std::string_view kBundleEnd = "]}";

/// Puts entries into Bundles that keep to the files' size.
class BundleLines {
 public:
  explicit BundleLines(ExportWriter& writer) : writer_(writer) {}

  Result<void> add(fhir::ResourceType type, std::string_view id) {
    const std::string entry = fmt::format(R"({{"request":{{"method":"DELETE","url":"{}/{}"}}}})",
                                          fhir::type_name(type), id);
    // One more for the comma, one for the line break.
    const std::size_t size = line_.size() + entry.size() + kBundleEnd.size() + 2;
    if (entries_ == kEntriesMax || (entries_ > 0 && size > writer_.size_max()))
      SLUICE_CHECK(finish());
    line_ += entries_++ == 0 ? kBundleStart : ",";
    line_ += entry;
    return {};
  }

  Result<void> finish() {
    if (entries_ == 0) return {};
    line_ += kBundleEnd;
    SLUICE_CHECK(writer_.append_other(FileKind::kDeleted, line_));
    line_.clear();
    entries_ = 0;
    return {};
  }

 private:
  ExportWriter& writer_;
  std::string line_;
  std::size_t entries_ = 0;
};

// The text of the version that a removal ended; nullopt when it is not kept any more.
Result<std::optional<std::string>> version_before(const store::Store& store,
                                                  const fhir::ResourceId& key,
                                                  store::Sequence removed) {
  std::uint32_t before = std::numeric_limits<std::uint32_t>::max();
  std::optional<std::uint32_t> of_removal;
  while (true) {
    SLUICE_TRY(auto versions, store.versions(key, before, kVersionsPage));
    for (auto& version : versions) {
      if (of_removal) {
        if (version.deleted || version.version + 1 != *of_removal) return std::nullopt;
        return std::optional(std::move(version.json));
      }
      if (version.deleted && version.sequence == removed) of_removal = version.version;
    }
    if (versions.size() < kVersionsPage) return std::nullopt;
    before = versions.back().version;
  }
}

}  // namespace

Result<ChangeWindow> change_window(const store::Store& store, const ExportRequest& request,
                                   const store::Commit& snapshot) {
  SLUICE_TRY(const auto since, store.commit_at(*request.since));
  ChangeWindow window{since.sequence, snapshot.sequence};
  if (request.until) {
    SLUICE_TRY(const auto until, store.commit_at(*request.until + std::chrono::milliseconds(-1)));
    window.up_to = std::min(window.up_to, until.sequence);
  }
  window.after = std::min(window.after, window.up_to);
  return window;
}

Result<void> each_put_since(const store::Store& store, const ExportRequest& request,
                            const store::Commit& snapshot,
                            const std::function<Result<void>(std::uint64_t)>& step,
                            const std::function<void(const store::Change&)>& visit) {
  SLUICE_TRY(const auto since, store.commit_at(*request.since));
  SLUICE_TRY(const auto log, store.changes(since.sequence, snapshot.sequence));
  store::Change change;
  while (true) {
    SLUICE_TRY(const bool more, log->next(change));
    if (!more) return {};
    SLUICE_CHECK(step(kChangeBytes));
    if (change.kind == store::ChangeKind::kPut) visit(change);
  }
}

unsigned part_of(const store::Change& change, unsigned parts) {
  return static_cast<unsigned>((std::hash<std::string_view>()(change.id) + change.type.code) %
                               parts);
}

unsigned deletion_parts(std::uint64_t changes) {
  return static_cast<unsigned>(
      std::clamp<std::uint64_t>((changes + kChangesOfPart - 1) / kChangesOfPart, 1, 10'000));
}

bool Deletions::covers(const store::Change& change) const {
  if (!request_.wants(change.type)) return false;
  if (request_.level == ExportLevel::kSystem) return true;
  // Whose group it was is not known any more: with a limit to patients that could tell of others.
  if (change.type == fhir::types::kGroup)
    return request_.level == ExportLevel::kPatient && roster_ == nullptr;
  store::OwnerList owners(change.owners);
  while (const auto owner = owners.next())
    if (roster_ == nullptr || roster_->contains(*owner)) return true;
  return false;
}

template <class Wanted>
Result<void> Deletions::write_where(Wanted wanted) {
  SLUICE_TRY(const auto window, change_window(store_, request_, snapshot_));
  SLUICE_TRY(const auto log, store_.changes(window.after, window.up_to));
  std::map<std::pair<fhir::ResourceType, std::string>, store::Sequence> deleted;
  store::Change change;
  while (true) {
    SLUICE_TRY(const bool more, log->next(change));
    if (!more) break;
    SLUICE_CHECK(step_(kChangeBytes));
    if (change.kind == store::ChangeKind::kRemove && wanted(change))
      deleted[{change.type, std::string(change.id)}] = change.sequence;
    else if (!deleted.empty())
      // It came back, or it went on in somebody else's compartment before it was deleted again.
      deleted.erase({change.type, std::string(change.id)});
  }
  SLUICE_TRY(const auto access,
             AccessFilters::compile(request_.limits,
                                    {.base_url = request_.base_url, .now = snapshot_.instant}));
  BundleLines lines(writer_);
  for (const auto& [key, removed] : deleted) {
    const auto& [type, id] = key;
    SLUICE_TRY(const bool seen, was_seen(access, type, id, removed));
    if (seen) SLUICE_CHECK(lines.add(type, id));
  }
  SLUICE_CHECK(lines.finish());
  if (!left_some_out_) return {};
  left_some_out_ = false;
  return writer_.append_other(
      FileKind::kOutcome,
      fhir::operation_outcome(
          "warning", "incomplete",
          "Deletions may be missing: some are older than what this server keeps "
          "of the past, so that it cannot tell whether the scopes cover them. "
          "An export without _since has what there is."));
}

// A deletion is told to who could see the resource when it was deleted: its id is as much of it as
// the rest. What it was then is the version before the deletion, if it is still kept.
Result<bool> Deletions::was_seen(const AccessFilters& access, fhir::ResourceType type,
                                 const std::string& id, store::Sequence removed) {
  if (!access.limits(type)) return true;
  SLUICE_TRY(const auto last, version_before(store_, {type, id}, removed));
  if (last) return access.pass(matcher_, type, *last);
  left_some_out_ = true;
  return false;
}

Result<void> Deletions::write_part(unsigned part, unsigned parts) {
  return write_where([&](const store::Change& change) {
    return part_of(change, parts) == part && covers(change);
  });
}

Result<void> Deletions::write_supporting(const ReferencesByType& referred) {
  return write_where([&](const store::Change& change) {
    const auto ids = referred.find(change.type);
    return request_.wants(change.type) && ids != referred.end() &&
           ids->second.contains(std::string(change.id));
  });
}

}  // namespace sluice::bulk
