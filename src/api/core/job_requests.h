// The requests of jobs, as far as polls, pages and files need them: parsed once for all of these,
// because a request may name a hundred thousand patients.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fair_cache.h"
#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "bulk/group/cohort_request.h"
#include "bulk/import/import_request.h"
#include "fhir/resource_type.h"
#include "job/job.h"

namespace sluice::api {

struct JobRequest {
  bulk::ExportRequest asked = {};  ///< of an export, without its patients and filters
  /// Types that its filters read in addition to the exported types; or why that is not known.
  Result<std::vector<fhir::ResourceType>> read_by_filters = std::vector<fhir::ResourceType>{};
  std::optional<bulk::ImportRequest> import = std::nullopt;  ///< when the job is one
  /// When the job makes a Group: without the Group's text.
  std::optional<bulk::CohortRequest> cohort = std::nullopt;
  std::optional<Error> unreadable = std::nullopt;  ///< R-03: nothing else is known
};

/// Thread-safe.
class JobRequests {
 public:
  using Pointer = std::shared_ptr<const JobRequest>;

  /// `size_max`: bytes of requests to keep; above it, the least recently used requests of the client
  /// that has most are dropped and read again when needed.
  explicit JobRequests(std::size_t size_max = 32u << 20)
      : size_max_(size_max), kept_(size_max, kCountMax) {}

  Pointer of(const job::Job& job);
  void forget(std::string_view job_id);
  /// How often one was read.
  std::size_t reads() const;

 private:
  static constexpr std::size_t kCountMax = 100'000;

  const std::size_t size_max_;
  mutable std::mutex mutex_;
  FairCache<Pointer> kept_;  // by the job's id, of its client
  std::size_t reads_ = 0;    // guarded by mutex_, as both of these
};

}  // namespace sluice::api
