// What a sync owes to the first pull of its folder.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "client/pull/record_fields.h"
#include "client/sync/first_pull.h"
#include "client/sync/sync.h"
#include "client/sync/sync_records.h"

namespace sluice::client {

// The pull that everything begins with, when it is not whole yet.
Result<SyncReport> Sync::run_first() {
  events_.notice(fmt::format(
      "the first pull is not {} yet: this goes on with it{}",
      state_.rounds().front().is_finished ? "loaded" : "whole",
      options_.is_full ? ", and there is nothing to compare with (--full) before" : ""));
  SyncReport report;
  SLUICE_ASSIGN_OR_RETURN(report.changes, puller_.run_round(state_));
  report.transaction_time = report.changes.transaction_time;
  if (!report.changes.failures.empty()) return report;
  SLUICE_RETURN_IF_ERROR(keep_one_of_each(report));
  if (target_ == nullptr) return report;
  SLUICE_ASSIGN_OR_RETURN(const auto delivered, deliver_first(state_, *target_));
  report.refused = delivered.refused;
  return report;
}

// Whether the first pull, or what was asked for again since, was not whole: no later time leads to
// what the server could not export then.
Result<bool> Sync::must_ask_again() const {
  if (const auto* done = last_of(state_, "done")) return flag_field(*done, "again");
  SLUICE_ASSIGN_OR_RETURN(const auto report, report_of(state_, state_.rounds().front()));
  return report.is_incomplete();
}

// All that the first pull asked for. A report with failures means: the next run goes on.
Result<PullReport> Sync::pull_again(const Cycle& cycle, SyncReport& report) {
  PullRequest all = state_.rounds().front().request;
  SLUICE_ASSIGN_OR_RETURN(auto pulled, round(cycle, kEverything, all));
  report.asks_again = pulled.is_incomplete();
  if (!pulled.failures.empty() || all.group.empty() || !has_all_members(all)) return pulled;
  const auto& rounds = state_.rounds();
  const auto again =
      std::find_if(rounds.begin() + static_cast<std::ptrdiff_t>(cycle.first_round), rounds.end(),
                   [](const Round& round) { return round.purpose == kEverything; });
  SLUICE_ASSIGN_OR_RETURN(const auto now, read_ids(state_.folder(), files_of(*again)));
  if (!now.empty()) SLUICE_RETURN_IF_ERROR(note_members(cycle, now, report.asks_again));
  return pulled;
}

// Of a first pull of an older version, or one that was killed at its end.
Result<void> Sync::keep_one_of_each(SyncReport& report) {
  if (target_ != nullptr || last_of(state_, "done") != nullptr ||
      last_of(state_, kSingleRecord) != nullptr)
    return {};
  auto kept = client::keep_one_of_each(state_, puller_.waiter(), report.changes);
  return kept ? kept : with_way_out(kept.error());
}

Result<Delivered> deliver_first(PullState& state, PullTarget& target) {
  const Round& first = state.rounds().front();
  if (!first.request.group.empty() && has_all_members(first.request)) {
    SLUICE_ASSIGN_OR_RETURN(const auto ids, read_ids(state.folder(), files_of(first)));
    SLUICE_RETURN_IF_ERROR(write_members(members_path(state, 0), ids));
  }
  return deliver(state, first, target);
}

}  // namespace sluice::client
