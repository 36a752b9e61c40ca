// What operators are told of an export: what was asked for, and how it is read.
#pragma once

#include <boost/json/object.hpp>
#include <vector>

#include "api/jobs/job_handler.h"
#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "job/job.h"

namespace sluice::api {

/// Adds `level`, `types` and `since`: no ids of patients.
void report_export(const bulk::ExportRequest& request, boost::json::object& report);
/// What a shard reads, and why that way.
Result<std::vector<PlanPart>> parts_of_export(const job::Shard& shard);

}  // namespace sluice::api
