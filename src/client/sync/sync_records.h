// What a sync keeps besides the pulled files: its records in the journal, the plan of a new copy,
// the lists of members.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/pull/pull_state.h"
#include "client/sync/local_copy.h"

namespace sluice::client {

/// The record that each resource of the first pull is in the copy once.
inline constexpr const char* kSingleRecord = "single";

/// The last record of a sync with this `what`; null when there is none.
const boost::json::object* last_of(const PullState& state, std::string_view what);

using CopyFiles = std::map<std::string, std::vector<std::string>>;
boost::json::object files_json(const CopyFiles& files);
CopyFiles parse_files(const boost::json::object& record);

/// A plan as a record, and back (kCorrupt).
boost::json::object plan_json(const CopyPlan& plan);
Result<CopyPlan> parse_plan(const boost::json::object& record);

/// The list of a group's members as of a cycle, an id a line.
std::filesystem::path members_path(const PullState& state, std::uint64_t cycle);
Result<void> write_members(const std::filesystem::path& path, const std::vector<std::string>& ids);

/// What runs left that were killed between the end of a cycle and its tidying up: everything of
/// cycles but the members as of `done`, the last one that is done, and what a target refused.
void remove_leftovers(const PullState& state, std::uint64_t done);

/// Of a group's pulled Patients: their ids, sorted. `files` are relative to `folder`.
Result<std::vector<std::string>> read_ids(const std::filesystem::path& folder,
                                          const EachCopyFile& files);

/// An error of a copy that cannot be read, with what can be done about it.
Error with_way_out(Error error);

/// A round's finished files of resources and deletions, relative to the output folder. `round` must
/// outlive it.
EachCopyFile files_of(const Round& round);

/// Whether the Patients that a request brings are all members of its group as of then.
bool has_all_members(const PullRequest& request);

}  // namespace sluice::client
