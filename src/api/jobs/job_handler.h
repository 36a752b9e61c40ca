// A kind of job as its clients and operators meet it: how it is kicked off, who may see it, what
// its status says, how `sluice jobs` tells of it. One class for each kind, one line for each in
// job_handlers.cc. What the shards of the kind do is its job::JobKind.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/core/authentication.h"
#include "api/core/principal.h"
#include "api/core/service.h"
#include "base/result.h"
#include "http/message.h"
#include "job/engine.h"

namespace sluice::api {

/// A route of a kind's own: a kick-off, or something below `/fhir/jobs/{id}`. Its handler is given
/// the whole store, because what a job may show is kept with the job.
struct JobRoute {
  std::string_view method;
  std::string_view pattern;
  std::string_view name;  ///< in logs and metrics
  std::function<http::Response(Service&, const http::Request&, const Principal&)> handler;
  Access access = Access::kJob;
};

/// The words of a kind in what clients are told.
struct JobWords {
  std::string_view failed;    ///< begins a sentence that ends with the reason: "The export failed"
  std::string_view progress;  ///< follows a percentage: "exported"
  std::string_view deleted;   ///< "The export is deleted"
};

/// What the endpoints of all kinds need to know of a job's request.
struct JobTraits {
  bool separate_export_status = false;  ///< K-04
  bool shows_files_early = false;       ///< P-10: those that are finished, while the job runs
  /// E-21: where the status of a job that has ended leads, whatever came of it. Empty: the status
  /// tells the result itself.
  std::string result_url = {};
};

/// What a shard reads, for operators. Parts of one phase, order and type are counted together.
struct PlanPart {
  unsigned order = 0;          ///< among the parts of a phase
  std::string read;            ///< "scan"
  std::string type = {};       ///< of resources; empty: no one type
  std::string estimates = {};  ///< what the planner weighed
};

/// Stateless, thread-safe. An error of a function is the answer to the request at hand.
class JobHandler {
 public:
  virtual ~JobHandler() = default;

  /// As job::JobKind::name().
  virtual std::string_view name() const = 0;
  virtual JobWords words() const = 0;
  virtual std::vector<JobRoute> routes() const { return {}; }

  /// kCorrupt when what is stored with the job cannot be read. Nothing below is called then.
  virtual Result<JobTraits> traits(const job::Job& job) const = 0;
  /// Whether the principal, whose job it is, may see it still: kForbidden when its token covers
  /// less.
  virtual Result<void> authorize(const Principal& principal, const job::Job& job) const = 0;

  /// What the status says once the job is done: the body and its type.
  virtual Result<http::Response> result(const Service& service, const http::Request& request,
                                        const Principal& principal,
                                        const job::JobView& view) const = 0;
  /// X-Progress while it runs: "45% exported".
  virtual std::string progress(const job::JobView& view) const;
  /// Adds to the status of a job that runs.
  virtual Result<void> add_early_result(const Service& service, const Principal& principal,
                                        const job::JobView& view, http::Response& response) const;
  /// Whether a file of a job with JobTraits::shows_files_early that runs will not change any more.
  virtual Result<bool> is_file_finished(const Service& service, const job::Job& job,
                                        std::string_view name) const;

  /// Of a file of that name: by default that of an export's files.
  virtual std::string_view media_type(std::string_view file_name) const;

  /// Adds what the job was asked for to its report (JSON, no PHI).
  virtual Result<void> report_request(const job::Job& job, boost::json::object& report) const;
  /// What the shard reads; empty: nothing is told.
  virtual Result<std::vector<PlanPart>> plan_parts(const job::Shard& shard) const;
};

}  // namespace sluice::api
