// An export's request as its job keeps it (docs/formats.md).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "bulk/export/request/export_request.h"

namespace sluice::bulk {

std::string serialize(const ExportRequest& request);
/// kCorrupt for what serialize() did not write.
Result<ExportRequest> parse_stored_request(std::string_view text);

}  // namespace sluice::bulk
