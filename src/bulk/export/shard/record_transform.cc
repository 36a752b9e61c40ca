#include "bulk/export/shard/record_transform.h"

#include <utility>

#include "bulk/export/shard/attachment_transform.h"
#include "bulk/export/shard/elements_transform.h"

namespace sluice::bulk {

// A new transform is a line here, in the order of their work.
TransformChain::TransformChain(const PreparedExport& prepared,
                               fhir::AttachmentUrls::UrlOf binary_url) {
  transforms_.push_back(
      make_attachment_transform(prepared.request.base_url, std::move(binary_url)));
  if (prepared.elements) transforms_.push_back(make_elements_transform(*prepared.elements));
}

Result<std::string_view> TransformChain::apply_from(std::size_t place,
                                                    const store::RecordView& record) {
  std::string_view line = record.json;
  std::size_t at = 0;
  for (std::size_t i = place; i < transforms_.size(); ++i) {
    if (i > place && !transforms_[i]->concerns(record)) continue;
    SLUICE_RETURN_IF_ERROR(transforms_[i]->apply(record, line, lines_[at]));
    line = lines_[at];
    at = 1 - at;
  }
  return line;
}

}  // namespace sluice::bulk
