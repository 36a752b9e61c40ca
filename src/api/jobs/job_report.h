// What `sluice jobs` shows of the jobs in a store: client, progress, and how each export reads.
//
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "api/jobs/job_handlers.h"
#include "base/result.h"
#include "store/store.h"

namespace sluice::api {

/// `{"jobs":[...]}`, those that run first, then the newest. With an `id` only that job, with its
/// `plan`: for each phase, way of reading and resource type the number of `parts` and
/// the planner's `estimates`. Holds no ids of
/// patients. kNotFound for an unknown id. Thread-safe as the store is.
Result<boost::json::object> report_jobs(const store::Store& store, const std::string& id,
                                        const JobHandlers& handlers = job_handlers());

}  // namespace sluice::api
