// What a copy reads from lines: which resource a line is.
#pragma once

#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"

namespace sluice::client {

/// What is read of a resource on one line to place it.
struct LineKey {
  std::string type;
  std::string id;
  Instant last_updated{0};  ///< 0: none that can be read
};
/// kCorrupt when the line is no JSON object with resourceType and id. Outcomes, Bundles and
/// Parameters (the headers of blocks) may be without one: nothing that a copy has.
Result<LineKey> read_line_key(std::string_view line);

}  // namespace sluice::client
