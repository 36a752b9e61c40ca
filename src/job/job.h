// A job: a request that is answered later, cut into shards.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "base/instant.h"
#include "job/stored_request.h"
#include "store/store.h"

namespace sluice::job {

enum class JobState : std::uint8_t {
  kRunning,  ///< accepted; shards are planned, waiting or running
  kDone,     ///< every shard is done; files exist until `expires`
  kFailed,   ///< ended by `failure`
};

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

/// Where a shard stands in the order of the output.
struct ShardPosition {
  unsigned phase = 0;
  unsigned number = 0;
  friend auto operator<=>(const ShardPosition&, const ShardPosition&) = default;
};

/// A part of a job.
struct Shard {
  unsigned phase = 0;
  unsigned number = 0;
  std::uint64_t weight = 1;  ///< cost, in bytes to read; for progress
  bool done = false;
  std::string spec;    ///< what to do: the kind's own text
  std::string result;  ///< the result, as the kind's own text

  ShardPosition position() const { return {phase, number}; }
};

}  // namespace sluice::job
