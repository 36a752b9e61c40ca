// Attachment.url of exported resources: Binaries of this server by URLs that the job's client can
// fetch (F-06).
#pragma once

#include <memory>
#include <string>

#include "bulk/export/shard/record_transform.h"
#include "fhir/attachment_urls.h"

namespace sluice::bulk {

std::unique_ptr<RecordTransform> make_attachment_transform(std::string base_url,
                                                           fhir::AttachmentUrls::UrlOf binary_url);

}  // namespace sluice::bulk
