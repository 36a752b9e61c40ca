// Imports as a kind of job (I-03).
#pragma once

#include "api/jobs/job_handler.h"

namespace sluice::api {

const JobHandler& import_handler();

}  // namespace sluice::api
