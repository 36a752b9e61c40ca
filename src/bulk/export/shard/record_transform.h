// Transforms change the lines of exported records, one after the other. A line that no transform
// concerns is not copied.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/export/request/export_scope.h"
#include "fhir/attachment_urls.h"
#include "store/store.h"

namespace sluice::bulk {

/// Not thread-safe.
class RecordTransform {
 public:
  RecordTransform() = default;
  RecordTransform(const RecordTransform&) = delete;
  RecordTransform& operator=(const RecordTransform&) = delete;
  virtual ~RecordTransform() = default;

  /// Whether it may change a record's line: called for every record, so it must be quick.
  virtual bool concerns(const store::RecordView& record) = 0;
  /// Replaces `out` by the changed `line`. Called after concerns() of the same record was true;
  /// `line` is the output of the previous transforms.
  virtual Result<void> apply(const store::RecordView& record, std::string_view line,
                             std::string& out) = 0;
};

/// Not thread-safe.
class TransformChain {
 public:
  /// `binary_url`: see AttachmentUrls.
  TransformChain(const PreparedExport& prepared, fhir::AttachmentUrls::UrlOf binary_url);

  /// The exported line of a record: its own, or one of this object's that the next call overwrites.
  Result<std::string_view> apply(const store::RecordView& record) {
    for (std::size_t i = 0; i < transforms_.size(); ++i)
      if (transforms_[i]->concerns(record)) return apply_from(i, record);
    return record.json;
  }

 private:
  /// Applies the transform at `place`, which concerns the record, and those behind it.
  Result<std::string_view> apply_from(std::size_t place, const store::RecordView& record);

  std::vector<std::unique_ptr<RecordTransform>> transforms_;
  std::array<std::string, 2> lines_;  // used in turns: a transform reads one and writes the other
};

}  // namespace sluice::bulk
