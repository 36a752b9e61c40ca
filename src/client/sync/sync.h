// Updates a pulled folder: requests changes, lists new members of a group and fetches all their
// data, applies deletions, compacts. The journal records each step.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/pull/pull.h"
#include "client/pull/pull_state.h"
#include "client/sync/local_copy.h"
#include "client/sync/pull_target.h"

namespace sluice::client {

struct SyncOptions {
  bool is_full = false;  ///< compare with a full export instead of asking for changes
  std::chrono::milliseconds full_every{0};  ///< the same when the last one is so long ago; 0: never
  bool may_remove_many = false;             ///< a full export may take away more than a tenth
};

struct SyncReport {
  PullReport changes;                        ///< of the export of what changed
  std::map<std::string, CopyCounts> counts;  ///< by type, of what was written
  std::uint64_t joined = 0;                  ///< members of the group that are new
  std::uint64_t refused = 0;                 ///< resources that the target did not take
  std::string since;                         ///< from when on
  std::string transaction_time;
  bool is_full = false;                ///< compared with all that the server has
  bool is_incomplete = false;          ///< the server could not export all: nothing was removed,
                                       ///< and the next sync asks from `since` on again
  bool joined_are_incomplete = false;  ///< new members are asked for again by the next sync
  bool asks_again = false;             ///< the next sync asks for all of the first pull again
  bool is_refused = false;             ///< too much would be removed: nothing was changed
  std::uint64_t gone = 0;              ///< of a full one: resources that the server has no longer
  std::uint64_t old_total = 0;         ///< of a full sync: resources before it
  std::filesystem::path gone_list;     ///< where they are listed
  bool deletions_are_unknown = false;  ///< the server does not list what it deletes
};

class Sync {
 public:
  /// `target`: where all goes instead of the folder; null: the folder is a copy.
  Sync(PullState& state, Puller& puller, const PullSettings& settings, PullEvents events,
       const SyncOptions& options = {}, PullTarget* target = nullptr);

  /// Starts a sync or continues an unfinished one. Errors as Puller::run_round. A report with
  /// failures means that nothing was applied yet.
  Result<SyncReport> run();

 private:
  // Purposes of rounds.
  static constexpr const char* kFullRound = "full";
  static constexpr const char* kEverything = "everything";
  struct Cycle {
    std::uint64_t number = 0;
    std::string since;
    bool uses_pattern = false;    // members, joined, changes: the server does not do it
    bool is_full = false;         // all is pulled and compared
    std::size_t first_round = 0;  // the index of the first round that belongs to it
    bool is_resumed = false;      // an earlier run began it
    bool asks_again = false;      // for all of the first pull, before the changes
  };
  Result<Cycle> enter();
  bool wants_full() const;
  Result<void> leave(std::uint64_t cycle);
  Result<bool> must_ask_again() const;
  Result<void> keep_one_of_each(SyncReport& report);
  Result<PullReport> pull_again(const Cycle& cycle, SyncReport& report);
  Result<void> check_target() const;
  Result<SyncReport> run_full(const Cycle& cycle);
  Result<void> take_incomplete(const Cycle& cycle, SyncReport& report);
  Result<void> apply_full(const Cycle& cycle, SyncReport& report);
  Result<void> deliver_full(const Cycle& cycle, SyncReport& report);
  Result<bool> list_members(const Cycle& cycle, const PullRequest& scope, PullReport& report);
  bool has_begun(const Cycle& cycle, const std::string& purpose) const;
  Result<PullReport> round(const Cycle& cycle, const std::string& purpose, PullRequest request);
  Result<std::vector<std::string>> listed_members(const Cycle& cycle) const;
  Result<PullReport> report_of_joined(const Cycle& cycle, bool with_listing) const;
  Result<void> note_members(const Cycle& cycle, const std::vector<std::string>& now,
                            bool is_incomplete);
  Result<PullReport> pull_joined(const Cycle& cycle, const PullRequest& scope,
                                 std::uint64_t& count);
  Result<SyncReport> run_first();
  Result<void> apply(const Cycle& cycle, SyncReport& report);
  Result<void> deliver_all(const Cycle& cycle, SyncReport& report);
  Result<void> complete(const Cycle& cycle, const CopyPlan& plan, const SyncReport& report);
  EachCopyFile current_files() const;
  Result<std::vector<std::string>> known_members() const;

  PullState& state_;
  Puller& puller_;
  const PullSettings& settings_;
  const PullEvents events_;
  const SyncOptions options_;
  PullTarget* const target_;
};

/// Delivers a folder's first pull to `target`. Records the members of its group before, so that the
/// first sync knows them.
Result<Delivered> deliver_first(PullState& state, PullTarget& target);

}  // namespace sluice::client
