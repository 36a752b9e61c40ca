// The making of Groups by filters as a kind of job (G-03).
#pragma once

#include "api/jobs/job_handler.h"

namespace sluice::api {

const JobHandler& cohort_handler();

}  // namespace sluice::api
