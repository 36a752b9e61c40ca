// The completion manifest of an import: the result of each input.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "bulk/import/import_request.h"
#include "job/job.h"
#include "store/store.h"

namespace sluice::bulk {

/// The JSON text for a finished job. `url_of` makes the absolute URL of a file.
Result<std::string> import_manifest(
    const store::Store& store, const job::Job& job, const ImportRequest& request,
    bool requires_access_token,
    const std::function<Result<std::string>(std::string_view name)>& url_of);

}  // namespace sluice::bulk
