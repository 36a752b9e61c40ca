// The files of a finished export (F).
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "http/message.h"

namespace sluice::api {

/// GET and HEAD [base]/jobs/[id]/files/[name]: the stored gzip bytes or, inflated on the way, the
/// plain NDJSON; Parquet as it is stored. Ranges and conditions on all.
http::Response export_file(Service& service, const http::Request& request,
                           const Principal& principal);

}  // namespace sluice::api
