// The views of an export, `_viewDefinition`: what is read of the parameter, and what it does to the
// rest of the request.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "fhir/parameters.h"

namespace sluice::bulk {

/// The most of one kick-off: views, and bytes of their definitions.
inline constexpr std::size_t kViewsMax = 100;
inline constexpr std::size_t kViewsSizeMax = 4u << 20;

/// Refuses the request with this error or, when it is handled leniently, notes what is skipped.
using SkipOrRefuse = std::function<Result<void>(ErrorKind kind, std::string why)>;

/// The views that were found so far.
struct RequestedViews {
  bool are_given = false;
  std::vector<RequestedView> found;
  std::size_t size = 0;  ///< of their definitions
  std::string missing;   ///< why the last one that was skipped was
};

/// One value of the parameter: a reference or canonical URL, or the view itself (`kind` is
/// "resource"). What is not there or not supported may be skipped; errors of the finder name it.
Result<void> read_view(const fhir::Parameter& parameter, const ExportRequestContext& context,
                       RequestedViews& views, const SkipOrRefuse& skip_or_refuse);

/// Makes the found views the tables of the request and its types those of the views, when every
/// other parameter is known. kInvalid and kUnsupported name what does not go together. Never makes
/// the request one for whole resources.
Result<void> apply_views(RequestedViews views, ExportRequest& request,
                         const SkipOrRefuse& skip_or_refuse);

}  // namespace sluice::bulk
