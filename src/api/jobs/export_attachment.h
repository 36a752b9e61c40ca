// The Binaries that a job's exported resources name in Attachment.url (F-06): the URLs written
// there, and the answers to those that belong to the job.
#pragma once

#include <memory>

#include "api/core/authorization.h"
#include "api/core/principal.h"
#include "api/core/service.h"
#include "bulk/export/shard/export_worker.h"
#include "http/message.h"

namespace sluice::api {

/// Makes the URLs for exported resources: the Binary's own, which outlives the job and is the same
/// in each export; for clients that have capability URLs a URL of the job, signed for the job and
/// the Binary, which grants no other. Reads `authorization` when it makes a URL; `authorization`
/// must outlive the result.
bulk::BinaryUrl attachment_urls(const std::unique_ptr<Authorization>& authorization);

/// GET [base]/jobs/[id]/Binary/[name], or of its /_history/[version]: the content as its own type,
/// or the Binary resource where Accept asks for JSON. By a capability, or by a token as the Binary
/// itself: files that an earlier version wrote have such URLs for tokens too.
http::Response export_attachment(Service& service, const http::Request& request,
                                 const Principal& principal);

}  // namespace sluice::api
