// What a copy reads from lines: which resource a line is, what a Bundle deletes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "base/result.h"

namespace sluice::client {

/// What is read of a resource on one line to place it.
struct LineKey {
  std::string type;
  std::string id;
  Instant last_updated{0};  ///< 0: none that can be read
};
/// kCorrupt when the line is no JSON object with resourceType and id.
Result<LineKey> read_line_key(std::string_view line);

/// The "Type/id" of each DELETE in a transaction Bundle on one line. kCorrupt for anything else, so
/// that no deletion is ignored.
Result<std::vector<std::pair<std::string, std::string>>> read_deletions(std::string_view line);

}  // namespace sluice::client
