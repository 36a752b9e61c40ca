#include "bulk/export/shard/attachment_transform.h"

#include <utility>

namespace sluice::bulk {
namespace {

class AttachmentTransform final : public RecordTransform {
 public:
  AttachmentTransform(std::string base_url, fhir::AttachmentUrls::UrlOf binary_url)
      : urls_(std::move(base_url), std::move(binary_url)) {}

  bool concerns(const store::RecordView& record) override {
    return record.may_name_binary && fhir::may_name_binary(record.json);
  }

  Result<void> apply(const store::RecordView& record, std::string_view line,
                     std::string& out) override {
    return urls_.rewrite(record.type, line, out);
  }

 private:
  fhir::AttachmentUrls urls_;
};

}  // namespace

std::unique_ptr<RecordTransform> make_attachment_transform(std::string base_url,
                                                           fhir::AttachmentUrls::UrlOf binary_url) {
  return std::make_unique<AttachmentTransform>(std::move(base_url), std::move(binary_url));
}

}  // namespace sluice::bulk
