// The table of the kinds of jobs that this server has.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "api/core/service.h"
#include "api/jobs/job_handler.h"

namespace sluice::api {

/// Immutable, thread-safe. The handlers must outlive it.
class JobHandlers {
 public:
  explicit JobHandlers(std::vector<const JobHandler*> handlers) : all_(std::move(handlers)) {}

  const std::vector<const JobHandler*>& all() const { return all_; }
  /// nullptr: there is no such kind.
  const JobHandler* find(std::string_view kind) const;

 private:
  std::vector<const JobHandler*> all_;
};

/// The kinds of this server.
const JobHandlers& job_handlers();
/// Those of the service, which are the same unless a test gave it others.
const JobHandlers& job_handlers_of(const Service& service);

}  // namespace sluice::api
