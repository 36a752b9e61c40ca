#include "api/jobs/job_handlers.h"

#include <algorithm>

#include "api/jobs/cohort_handler.h"
#include "api/jobs/export_handler.h"
#include "api/jobs/import_handler.h"
#include "api/jobs/sql_export_handler.h"

namespace sluice::api {

// A new kind of job is a line here.
const JobHandlers& job_handlers() {
  static const JobHandlers kinds({
      &export_handler(),
      &sql_export_handler(),
      &import_handler(),
      &cohort_handler(),
  });
  return kinds;
}

const JobHandlers& job_handlers_of(const Service& service) {
  return service.job_handlers == nullptr ? job_handlers() : *service.job_handlers;
}

const JobHandler* JobHandlers::find(std::string_view kind) const {
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [&](const auto* handler) { return handler->name() == kind; });
  return found == all_.end() ? nullptr : *found;
}

}  // namespace sluice::api
