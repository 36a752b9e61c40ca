#include "bulk/export/shard/elements_transform.h"

#include <map>

namespace sluice::bulk {
namespace {

class ElementsTransform final : public RecordTransform {
 public:
  explicit ElementsTransform(const fhir::ElementsSelection& selection) : selection_(selection) {}

  bool concerns(const store::RecordView& record) override {
    if (record.type != type_) {
      type_ = record.type;
      projector_ = selection_.applies_to(type_) ? &projector_of(type_) : nullptr;
    }
    return projector_ != nullptr;
  }

  Result<void> apply(const store::RecordView&, std::string_view line, std::string& out) override {
    out.clear();
    return projector_->project(line, out);
  }

 private:
  // Types follow each other quickly in blocks, and making a projector takes time.
  fhir::ElementsProjector& projector_of(fhir::ResourceType type) {
    const auto found = projectors_.find(type);
    if (found != projectors_.end()) return found->second;
    return projectors_.emplace(type, fhir::ElementsProjector(selection_, type)).first->second;
  }

  const fhir::ElementsSelection selection_;
  std::map<fhir::ResourceType, fhir::ElementsProjector> projectors_;
  fhir::ResourceType type_;                       // of the last record; none has the number 0
  fhir::ElementsProjector* projector_ = nullptr;  // of that type; nullptr: its lines stay whole
};

}  // namespace

std::unique_ptr<RecordTransform> make_elements_transform(const fhir::ElementsSelection& selection) {
  return std::make_unique<ElementsTransform>(selection);
}

}  // namespace sluice::bulk
