// Exports of tables as a kind of job: $sql-export, and $viewdefinition-export as it was called
// before (E-20 to E-23).
#pragma once

#include "api/jobs/job_handler.h"

namespace sluice::api {

const JobHandler& sql_export_handler();

}  // namespace sluice::api
