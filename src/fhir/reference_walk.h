// The references in a stored resource, and the targets of a Provenance.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "fhir/reference.h"
#include "fhir/resource_type.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

struct ProvenanceHead {
  std::vector<ResourceId> targets;  ///< those that are ours, each once, sorted
  Instant recorded{0};              ///< 0 when it is missing or no instant
};

/// The targets of a Provenance that may be on this server, by any of its URLs: each
/// once, sorted. `tokens` are those of a checked resource.
std::vector<ResourceId> possible_targets(const JsonTokens& tokens);

/// Holds the buffers: one a thread.
class ReferenceWalk {
 public:
  explicit ReferenceWalk(std::string base_url) : base_url_(std::move(base_url)) {}

  /// Calls `visit` for every literal reference to a resource of this server, at any depth, also
  /// repeatedly. The views end with the call. kCorrupt when the line is not JSON.
  Result<void> each(std::string_view line, const std::function<void(const ReferenceView&)>& visit);
  /// `line` is a stored Provenance.
  Result<ProvenanceHead> provenance(std::string_view line);

 private:
  const std::string base_url_;
  JsonTokens tokens_;
};

}  // namespace sluice::fhir
