// The Binaries that a job's exported resources name in Attachment.url (F-06): fetched with the
// job's rights, and nothing else is.
#pragma once

#include <memory>

#include "api/authorization.h"
#include "api/principal.h"
#include "api/service.h"
#include "bulk/export_worker.h"
#include "http/message.h"

namespace sluice::api {

/// Makes the URLs that go into exported resources. Each is signed for the job and the Binary, also
/// where a token is needed besides, so that a job opens no other Binary. `authorization` is looked
/// at when a URL is made; it must outlive the result.
bulk::BinaryUrl attachment_urls(const std::unique_ptr<Authorization>& authorization);

/// GET [base]/jobs/[id]/Binary/[name]: the content as its own type, or the Binary resource where
/// Accept asks for JSON.
http::Response export_attachment(Service& service, const http::Request& request,
                                 const Principal& principal);

}  // namespace sluice::api
