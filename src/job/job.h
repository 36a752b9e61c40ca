// A job: a request that is answered later, cut into shards. What is here is what the store keeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "job/stored_request.h"
#include "store/store.h"

namespace sluice::job {

enum class JobState : std::uint8_t {
  kRunning,  ///< accepted; shards are planned, waiting or running
  kDone,     ///< every shard is done; files exist until `expires`
  kFailed,   ///< ended by `failure`
};

/// Kept as document "job/<id>".
struct Job {
  std::string id;         ///< 32 hexadecimal digits, not guessable
  std::string kind = {};  ///< JobKind::name()
  std::string client;     ///< who may see it; jobs take turns by this
  /// Which of those that had the client's id in the course of time; empty where ids are enough.
  std::string registration = {};
  StoredRequest request;   ///< the kind's own text, and what it reads from it
  store::Commit snapshot;  ///< what the job reads; its instant is the transactionTime
  JobState state = JobState::kRunning;
  unsigned phase = 0;      ///< shards of earlier phases are done
  bool planned = false;    ///< whether the shards of `phase` are in the store
  unsigned adoptions = 0;  ///< restarts since a shard was last finished
  Instant finished;        ///< kDone, kFailed
  Instant expires;         ///< kDone, kFailed: when it is removed
  std::string failure;     ///< kFailed: for the caller, without PHI
  /// kFailed: it was kDone, until a file of it was found damaged.
  bool is_damaged = false;
};

/// A part of a job. Kept as document "shard/<job id>/<phase>/<number>", in the order of the output.
struct Shard {
  unsigned phase = 0;
  unsigned number = 0;
  std::uint64_t weight = 1;  ///< cost, in bytes to read; for progress
  bool done = false;
  std::string spec;    ///< what to do: the kind's own text
  std::string result;  ///< the result, as the kind's own text
};

/// Whether `id` can be a job's: letters, digits, '-' and '_', so that it names a folder and nothing
/// beyond it.
bool is_valid_job_id(std::string_view id);

std::string job_key(std::string_view job_id);
std::string shard_key(std::string_view job_id, unsigned phase, unsigned number);
/// The prefix of all shards of a job.
std::string shard_prefix(std::string_view job_id);

std::string serialize(const Job& job);
std::string serialize(const Shard& shard);
/// kCorrupt when the text is not what serialize made.
Result<Job> parse_job(std::string_view id, std::string_view text);
/// The value of a member such as `client` in a job's damaged document, to identify its owner; empty
/// if unreadable.
std::string text_of_damaged_job(std::string_view text, std::string_view member);
Result<Shard> parse_shard(std::string_view key, std::string_view text);

}  // namespace sluice::job
