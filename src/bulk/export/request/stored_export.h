// An export's request as its job keeps it (docs/formats.md).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "fhir/resource_type.h"
#include "job/job.h"

namespace sluice::bulk {

std::string serialize(const ExportRequest& request);
/// kCorrupt for what serialize() did not write.
Result<ExportRequest> parse_stored_request(std::string_view text);

/// What a job is known to have been asked for.
struct StoredExport {
  ExportRequest request;
  /// Types that its filters look at beside those that are exported; or why that is not known.
  Result<std::vector<fhir::ResourceType>> read_by_filters = std::vector<fhir::ResourceType>{};
  /// Once the job has ended its patients and filters are of no use, and not kept.
  bool is_whole = true;
};
/// Read once for a job, however many ask. kCorrupt as parse_stored_request.
Result<std::shared_ptr<const StoredExport>> export_request_of(const job::Job& job);

}  // namespace sluice::bulk
