// The request of a cohort job, by a client or the server itself, and its outcome (G-03).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "job/job.h"
#include "search/canonical_query.h"

namespace sluice::bulk {

struct CohortRequest {
  enum class Operation : std::uint8_t {
    kCreate,   ///< under an id that was made for it
    kUpdate,   ///< PUT: creates too
    kRefresh,  ///< by the server: the members of an existing Group
  } operation = Operation::kCreate;
  std::string url;  ///< of the request
  std::string base_url;
  std::string group_id;
  std::string group_json = {};  ///< what is to be written, with its id; empty for kRefresh
  /// The version that must be there: 0 that there is none. nullopt: any or none.
  std::optional<std::uint32_t> version = std::nullopt;
  bool stores_members = true;  ///< false: the Group is written, evaluated when it is exported
  bool wants_resource = true;  ///< Prefer: return other than minimal
  /// What the Group must match, before and after, for the client to write it.
  search::QueryLimit group_limit = {};
};

std::string serialize(const CohortRequest& request);
Result<CohortRequest> parse_stored_cohort_request(std::string_view text);
/// Read once for a job, however many ask; of one that has ended without the Group's text. kCorrupt
/// as parse_stored_cohort_request.
Result<std::shared_ptr<const CohortRequest>> cohort_request_of(const job::Job& job);

/// The outcome of the write: an interaction's response, as in a Bundle.
struct CohortOutcome {
  int status = 0;  ///< 200, 201, or that of an error; 0: there was nothing to do
  std::uint32_t version = 0;
  Instant last_updated;
  std::uint64_t members = 0;
  std::string error = {};  ///< for the caller, without PHI
};

std::string serialize(const CohortOutcome& outcome);
Result<CohortOutcome> parse_cohort_outcome(std::string_view text);

}  // namespace sluice::bulk
