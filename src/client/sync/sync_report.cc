#include "client/sync/sync_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTextsKept = 5;

void add_texts(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const auto& text : from)
    if (to.size() < kTextsKept && std::find(to.begin(), to.end(), text) == to.end())
      to.push_back(text);
}

}  // namespace

void add_remarks(PullReport& to, const PullReport& from) {
  to.outcomes.files += from.outcomes.files;
  to.outcomes.lines += from.outcomes.lines;
  to.outcomes.size += from.outcomes.size;
  to.outcomes.received += from.outcomes.received;
  to.outcome_errors += from.outcome_errors;
  add_texts(to.outcome_texts, from.outcome_texts);
  to.lost_outcomes += from.lost_outcomes;
  to.missing += from.missing;
  to.strays += from.strays;
  to.stray_outcomes += from.stray_outcomes;
  add_texts(to.stray_texts, from.stray_texts);
  to.attachments.fetched += from.attachments.fetched;
  to.attachments.size += from.attachments.size;
  to.attachments.failed += from.attachments.failed;
  to.attachments.skipped += from.attachments.skipped;
  add_texts(to.attachments.texts, from.attachments.texts);
}

Result<void> keep_errors(const PullState& state, const Round& round, std::uint64_t cycle) {
  const auto from = state.folder_of(round) / "error";
  const auto to = state.folder() / "error";
  std::error_code failed;
  bool has_any = false;
  for (auto entry = fs::directory_iterator(from, failed); !failed && entry != fs::end(entry);
       entry.increment(failed)) {
    std::error_code none;
    const auto name = entry->path().filename().string();
    if (name.ends_with(".part") || entry->file_size(none) == 0) continue;
    if (!has_any) SLUICE_RETURN_IF_ERROR(make_folder(to));
    has_any = true;
    const auto kept = to / fmt::format("sync-{}.{}.{}", cycle, round.purpose, name);
    std::error_code unkept;
    fs::remove(kept, unkept);
    fs::create_hard_link(entry->path(), kept, unkept);
    // Not every file system has links.
    if (unkept) fs::copy_file(entry->path(), kept, unkept);
    if (unkept) return errno_error("cannot write", kept, unkept.value());
  }
  if (failed && failed != std::errc::no_such_file_or_directory)
    return errno_error("cannot read", from, failed.value());
  return has_any ? sync_folder(to) : Result<void>();
}

}  // namespace sluice::client
