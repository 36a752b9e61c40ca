// What a client may export, and which exports it may see, by its scopes and groups.
#pragma once

#include "api/core/principal.h"
#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "bulk/export/request/stored_export.h"

namespace sluice::api {

/// Checks an export against what the principal may do, and limits it to that: without types it gets
/// those that the scopes cover. kForbidden names the type or the group.
Result<void> authorize_export(const Principal& principal, bulk::ExportRequest& request);
/// Whether the principal may see an export with this request. kForbidden when its token, or the
/// client as it is registered now, covers less than the job.
Result<void> authorize_export_job(const Principal& principal, const bulk::StoredExport& job);

}  // namespace sluice::api
