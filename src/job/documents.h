// The documents in which the engine keeps jobs and shards. Only `job` reads and writes them: others
// ask the engine, or job/stored_jobs.h.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "job/job.h"

namespace sluice::job {

/// The kind of jobs of which nobody can tell the kind any more.
inline constexpr std::string_view kLostKind = "lost";

/// Whether `id` can be a job's: letters, digits, '-' and '_', so that it names a folder and nothing
/// beyond it.
bool is_valid_job_id(std::string_view id);

/// "job/<id>".
std::string job_key(std::string_view job_id);
/// "shard/<job id>/<phase>/<number>": keys sort in the order of the output.
std::string shard_key(std::string_view job_id, ShardPosition position);
/// The prefix of all shards of a job.
std::string shard_prefix(std::string_view job_id);
/// Above the keys of all shards before the position, and below its own.
std::string key_before(std::string_view job_id, ShardPosition position);

std::string serialize(const Job& job);
std::string serialize(const Shard& shard);
/// kCorrupt when the text is not what serialize made.
Result<Job> parse_job(std::string_view id, std::string_view text);
Result<Shard> parse_shard(std::string_view key, std::string_view text);
/// of a document that cannot be read a failed job of kLostKind, with whose it was as far as
/// the document still says that.
Job salvage_job(std::string_view id, std::string_view text, const Error& error);
/// What such a document still says in a member such as `client`; empty: nothing.
std::string text_of_damaged_job(std::string_view text, std::string_view member);

}  // namespace sluice::job
