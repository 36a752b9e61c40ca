// What a resource refers to by some of its search parameters: _include follows these references,
// and by them a resource is in compartments.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "fhir/resource_type.h"

namespace sluice::search {

/// Holds the buffers of reading: one a thread.
class ReferenceReader {
 public:
  /// `id` ends with the call.
  using Visit = std::function<Result<void>(fhir::ResourceType type, std::string_view id)>;

  /// `parameters` must be reference parameters of the type; references below `base_url` are our
  /// own.
  ReferenceReader(fhir::ResourceType type, std::span<const std::string_view> parameters,
                  std::string_view base_url);
  ~ReferenceReader();
  ReferenceReader(ReferenceReader&&) noexcept;
  ReferenceReader& operator=(ReferenceReader&&) noexcept;

  /// Calls `visit` for each reference to a resource of this server, versioned or not, once for
  /// each occurrence in a parameter; stops at its first error. `resource`: a stored line. kCorrupt
  /// when it is not one.
  Result<void> read(std::string_view resource, const Visit& visit);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::search
